package dev.microvm.cli.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.disk.CacheMode;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.user.HostForward;
import dev.microvm.clock.GuestClock;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.limits.RateLimit;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.NetSpec;
import dev.microvm.model.ResetAction;
import dev.microvm.model.VirtioDeviceSpec;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** What command lines become; the files that they name do not exist. */
final class InvocationTest {
    private static final String LEGACY_OFF = "-M microvm,x-option-roms=off,pit=off,pic=off,isa-serial=off,rtc=off ";
    private static final String QUIET = "-nodefaults -no-user-config -nographic ";
    private static final String DISK =
            "-drive id=test,file=test.img,format=raw,if=none -device virtio-blk-device,drive=test ";

    private static Invocation read(String line) {
        Invocation read = Invocation.parse(Words.of(line));
        Assembly.complete(read);
        return read;
    }

    /** Problems of the line itself, not those of files that are missing. */
    private static List<String> problems(String line) {
        return read(line).problems().problems().stream()
                .filter(each -> !each.startsWith("machine: "))
                .toList();
    }

    private static MachineSpec spec(String line) {
        assertThat(problems(line)).isEmpty();
        return read(line).vm.spec();
    }

    @Test
    void readsQemusPage_withLegacyDevices() {
        String line = "-M microvm -enable-kvm -cpu host -m 512m -smp 2 -kernel vmlinux -append \"earlyprintk=ttyS0"
                + " console=ttyS0 root=/dev/vda\" " + QUIET + "-serial stdio " + DISK
                + "-netdev tap,id=tap0,script=no,downscript=no -device virtio-net-device,netdev=tap0";
        MachineSpec spec = spec(line);

        assertThat(spec.memory().mib()).isEqualTo(512);
        assertThat(spec.cpus().vcpus()).isEqualTo(2);
        assertThat(spec.hypervisor()).isNull();
        assertThat(spec.boot().kernel()).isEqualTo(Path.of("vmlinux"));
        assertThat(spec.boot().cmdline()).isEqualTo("earlyprintk=ttyS0 console=ttyS0 root=/dev/vda");
        assertThat(spec.options().onReset()).isEqualTo(ResetAction.RESTART);
        assertThat(spec.devices().virtio().getFirst())
                .isInstanceOfSatisfying(
                        VirtioDeviceSpec.Blk.class,
                        blk -> assertThat(blk.disk().image()).isEqualTo(DiskImage.raw(Path.of("test.img"))));
        assertThat(spec.devices().virtio().get(1))
                .isInstanceOfSatisfying(
                        VirtioDeviceSpec.Net.class,
                        net -> assertThat(net.network())
                                .isInstanceOfSatisfying(
                                        NetSpec.Tap.class,
                                        tap -> assertThat(tap.name()).startsWith("tap")));
        assertThat(read(line).connections).containsExactly(new Invocation.Connection("serial", "#chardev0"));
    }

    @Test
    void readsQemusPage_withoutLegacyDevices() {
        String line = LEGACY_OFF
                + "-enable-kvm -cpu host -m 512m -smp 2 -kernel vmlinux -append \"console=hvc0 root=/dev/vda\" "
                + QUIET
                + "-chardev stdio,id=virtiocon0 -device virtio-serial-device -device virtconsole,chardev=virtiocon0 "
                + DISK + "-netdev tap,id=tap0,script=no,downscript=no -device virtio-net-device,netdev=tap0";
        MachineSpec spec = spec(line);

        assertThat(spec.options().pit()).isEqualTo(Feature.OFF);
        assertThat(spec.options().pic()).isEqualTo(Feature.OFF);
        assertThat(spec.options().rtc()).isEqualTo(Feature.OFF);
        assertThat(spec.options().isaSerial()).isEqualTo(Feature.OFF);
        assertThat(spec.devices().virtio().getFirst()).isEqualTo(new VirtioDeviceSpec.Console(List.of()));
        assertThat(read(line).connections).containsExactly(new Invocation.Connection("hvc0", "virtiocon0"));
    }

    @Test
    void readsTheTutorial_withAUserNetwork() {
        MachineSpec spec = spec(LEGACY_OFF + "-enable-kvm -cpu host -m 512m -smp 1 -kernel vmlinux-virt"
                + " -initrd initramfs-virt -append \"console=hvc0 root=/dev/vda rw\" " + QUIET
                + "-chardev stdio,id=virtiocon0 -device virtio-serial-device -device virtconsole,chardev=virtiocon0 "
                + "-drive id=rootfs,file=alpine.rootfs.ext4,format=raw,if=none -device virtio-blk-device,drive=rootfs "
                + "-netdev user,id=net0,hostfwd=tcp::10022-:22 -device virtio-net-device,netdev=net0");

        assertThat(spec.boot().initrd()).isNotNull();
        assertThat(spec.devices().virtio().get(2))
                .isInstanceOfSatisfying(
                        VirtioDeviceSpec.Net.class,
                        net -> assertThat(net.network())
                                .isInstanceOfSatisfying(
                                        NetSpec.User.class,
                                        user -> assertThat(user.network().forwards())
                                                .containsExactly(HostForward.parse("tcp::10022-:22"))));
    }

    @Test
    void readsTheTutorialsOtherLines() {
        String serial = "-M microvm -enable-kvm -cpu host -m 512m -smp 1 -kernel vmlinuz-virt -initrd initramfs-virt"
                + " -append \"earlyprintk=ttyS0 console=ttyS0 rootfstype=ext4 root=/dev/vda\" " + QUIET
                + "-serial stdio -drive id=rootfs,file=alpine.rootfs.ext4,format=raw,if=none"
                + " -device virtio-blk-device,drive=rootfs";
        String virtio =
                "-M microvm -enable-kvm -cpu host -m 512m -smp 2 -kernel vmlinux -append \"console=hvc0 root=/dev/vda rw\" "
                        + QUIET
                        + "-chardev stdio,id=virtiocon0 -device virtio-serial-device -device virtconsole,chardev=virtiocon0 "
                        + DISK + "-netdev tap,id=tap0,script=no,downscript=no -device virtio-net-device,netdev=tap0";

        assertThat(spec(serial).devices().virtio()).hasSize(1);
        assertThat(spec(virtio).devices().virtio()).hasSize(3);
        assertThat(read(virtio).connections).containsExactly(new Invocation.Connection("hvc0", "virtiocon0"));
    }

    @Test
    void explainsUbuntusStandardMachine() {
        assertThat(problems(
                        "-m 128M -machine accel=kvm -nodefaults -drive file=chiselled-hello.qcow2,index=0,format=qcow2,"
                                + "media=disk,if=none,id=virtio1 -device virtio-blk-pci,drive=virtio1"))
                .containsExactly(
                        "-device virtio-blk-pci,drive=virtio1: there is no PCI, unlike in QEMU's standard machine;"
                                + " use -device virtio-blk-device with the same properties");
    }

    @Test
    void readsUbuntusMicrovm() {
        String line = "-m 128M -machine accel=kvm,rtc=on -bios /usr/share/qemu/qboot.rom -kernel /boot/vmlinuz-6"
                + " -append 'console=ttyS0 root=/dev/vda fsck.mode=skip init=/usr/bin/hello' -nodefaults -no-user-config"
                + " -display none -serial mon:stdio -drive file=chiselled-hello.qcow2,index=0,format=qcow2,media=disk,"
                + "if=none,id=virtio1 -device virtio-blk-device,drive=virtio1";
        MachineSpec spec = spec(line);

        assertThat(spec.options().rtc()).isEqualTo(Feature.ON);
        assertThat(spec.boot().firmware().file()).isEqualTo(Path.of("/usr/share/qemu/qboot.rom"));
        assertThat(read(line).monitors).containsExactly(new Invocation.MonitorWish("#chardev0", false, false));
        assertThat(read(line).chardevs.get("#chardev0")).satisfies(chardev -> {
            assertThat(chardev.mux).isTrue();
            assertThat(chardev.signal).isFalse();
        });
    }

    @ParameterizedTest
    @CsvSource({"vhost-user-fs-pci", "vhost-user-fs-device"})
    void saysWhatSharesFolders(String device) {
        assertThat(problems(
                        "-M microvm -m 128M -object memory-backend-memfd,id=mem,share=on,size=128M -numa node,memdev=mem"
                                + " -chardev socket,id=char0,path=/tmp/vfsd.sock -device " + device
                                + ",queue-size=1024,chardev=char0,tag=myfs"))
                .singleElement()
                .asString()
                .contains("-device " + device, "microvm run --share DIR:TAG", "disk image");
    }

    @Test
    void saysWhatSharesFolders_whenAFlagOf9pIsGiven() {
        assertThat(problems("-M microvm -virtfs local,path=/src,mount_tag=src,security_model=none"))
                .singleElement()
                .asString()
                .contains("-virtfs local", "microvm run --share DIR:TAG", "disk image");
    }

    @Test
    void readsTheSurveysLine() {
        MachineSpec spec = spec("-M microvm -m 512m -smp 2 -bios ./bios-microvm.bin -kernel ./vmlinux-6.1.102 -append"
                + " \"earlyprintk=ttyS0 console=ttyS0 root=/dev/vda\" " + QUIET + "-serial stdio"
                + " -drive if=none,file=./debian.raw,format=raw,id=test -device virtio-blk-device,drive=test");

        assertThat(spec.boot().firmware().file()).isEqualTo(Path.of("./bios-microvm.bin"));
    }

    @Test
    void readsSharedMemory() {
        assertThat(spec("-m 256 -object memory-backend-memfd,id=mem,share=on,size=256M -numa node,memdev=mem")
                        .memory()
                        .backing())
                .isEqualTo(RamBacking.shared());
        assertThat(problems("-m 128 -object memory-backend-memfd,id=mem,size=1G -M memory-backend=mem"))
                .containsExactly("-M memory-backend=mem: mem has 1024 MiB, and -m says 128: give both the same size");
    }

    @Test
    void readsDisks() {
        MachineSpec spec =
                spec("-drive if=none,id=a,file=a.qcow2,format=qcow2,readonly=on,cache=none,serial=s1,bps=1000"
                        + " -device virtio-blk-device,drive=a,num-queues=2"
                        + " -blockdev driver=file,node-name=f,filename=b.img -blockdev raw,node-name=b,file=f,read-only=on"
                        + " -device virtio-blk-device,drive=b,serial=s2"
                        + " -object throttle-group,id=g,x-iops-total=7"
                        + " -blockdev throttle,node-name=c,throttle-group=g,file.driver=qcow2,file.file.driver=file,file.file.filename=c.qcow2"
                        + " -device virtio-blk-device,drive=c"
                        + " -drive if=none,id=d,file=d.img,format=raw,snapshot=on -device virtio-blk-device,drive=d");

        assertThat(spec.devices().virtio())
                .map(each -> ((VirtioDeviceSpec.Blk) each).disk())
                .satisfiesExactly(
                        a -> {
                            assertThat(a.image())
                                    .isEqualTo(DiskImage.qcow2(Path.of("a.qcow2"))
                                            .cache(CacheMode.NONE)
                                            .readOnly());
                            assertThat(a.serial()).isEqualTo("s1");
                            assertThat(a.queues()).isEqualTo(2);
                            assertThat(a.rateLimit()).isEqualTo(RateLimit.bytesPerSecond(1000));
                        },
                        b -> {
                            assertThat(b.image())
                                    .isEqualTo(DiskImage.raw(Path.of("b.img")).readOnly());
                            assertThat(b.serial()).isEqualTo("s2");
                        },
                        c -> {
                            assertThat(c.image()).isEqualTo(DiskImage.qcow2(Path.of("c.qcow2")));
                            assertThat(c.rateLimit()).isEqualTo(RateLimit.operationsPerSecond(7));
                        },
                        d -> assertThat(d.image())
                                .isEqualTo(DiskImage.raw(Path.of("d.img")).overlay()));
    }

    @Test
    void readsOtherDevices() {
        MachineSpec spec = spec("-object rng-random,filename=/dev/urandom,id=rng0 -device virtio-rng-device,rng=rng0"
                + " -device vhost-vsock-device,guest-cid=42 -device virtio-balloon-device,deflate-on-oom=on"
                + " -chardev null,id=n -device virtio-serial-device -device virtserialport,chardev=n,name=agent"
                + " -netdev user,id=u,restrict=on -device virtio-net-device,netdev=u,mac=52:54:00:12:34:56"
                + " -global virtio-mmio.force-legacy=true");

        assertThat(spec.devices().virtioVersion()).isEqualTo(VirtioMmio.Version.LEGACY);
        assertThat(spec.devices().virtio())
                .satisfiesExactly(
                        rng -> assertThat(rng).isEqualTo(new VirtioDeviceSpec.Rng(true)),
                        vsock -> assertThat(
                                        ((VirtioDeviceSpec.Vsock) vsock).vsock().cid())
                                .isEqualTo(42),
                        balloon -> assertThat(((VirtioDeviceSpec.Balloon) balloon)
                                        .balloon()
                                        .deflateOnOom())
                                .isTrue(),
                        console -> assertThat(console).isEqualTo(new VirtioDeviceSpec.Console(List.of("agent"))),
                        net -> assertThat(((VirtioDeviceSpec.Net) net).options().address())
                                .isEqualTo(MacAddress.parse("52:54:00:12:34:56")));
    }

    @Test
    void readsHowItRuns() {
        MachineSpec spec = spec("-accel tcg -icount shift=2,sleep=off -no-reboot -name guest=vm.a,debug-threads=on"
                + " -cpu max,-avx2,+sse4.2 -smp sockets=2,cores=2,threads=1 -serial null -nodefaults");

        assertThat(spec.hypervisor()).isEqualTo(HypervisorChoice.ENGINE);
        assertThat(spec.clock().clock()).isEqualTo(GuestClock.instructions(4));
        assertThat(spec.options().onReset()).isEqualTo(ResetAction.END);
        assertThat(spec.name()).isEqualTo("vm.a");
        assertThat(spec.cpus().vcpus()).isEqualTo(4);
        assertThat(spec.cpus().features()).containsEntry("avx2", Feature.OFF).containsEntry("sse4_2", Feature.ON);
    }

    @Test
    void leadsTheSerialPortToTheTerminal_whenNobodySaysWhere() {
        assertThat(read("-nographic").monitors).hasSize(1);
        assertThat(read("-nographic").connections).hasSize(1);
        assertThat(read("-nographic -nodefaults").connections).isEmpty();
        assertThat(read("-display none").connections).isEmpty();
        assertThat(read("-nographic -monitor stdio").connections).isEmpty();
    }

    @ParameterizedTest
    @CsvSource(
            delimiter = '|',
            value = {
                "-foo                                        | -foo: there is no such flag; -h shows those that there are",
                "-M q35                                      | -M q35: type: there is only the machine microvm, was \"q35\"; use -M microvm, with virtio devices whose names end with -device",
                "-M microvm,pcie=on                          | -M microvm,...: pcie: there is no PCI and no USB, as in QEMU by default; use virtio devices whose names end with -device, and leave it off",
                "-M pit=perhaps                              | -M pit=perhaps: pit: on, off or auto, was \"perhaps\"",
                "-m 1G,slots=2                               | -m 1G,...: slots: memory cannot be added later; give all of it by size=, and -device virtio-balloon-device to take some back",
                "-smp 2,threads=4                            | -smp 2,...: threads: 1 or 2, was 4; use cores=",
                "-smp 2,maxcpus=4                            | -smp: maxcpus=4: there are 2 vCPUs, and none can be added later; leave maxcpus out",
                "-cpu Skylake-Server                         | -cpu Skylake-Server: there is no model Skylake-Server; use -cpu host, and hide features by -cpu host,FEATURE=off",
                "-accel xen                                  | -accel xen: accel: there is no xen here; use kvm, or tcg for the engine",
                "-hda disk.img                               | -hda disk.img: there is no IDE, floppy or SD; use -drive if=none,id=ID,format=raw,file=FILE -device virtio-blk-device,drive=ID",
                "-drive if=virtio,file=a,format=raw,id=d     | -drive if=virtio,...: if: only none, was \"virtio\": use if=none,id=ID and -device virtio-blk-device,drive=ID",
                "-drive if=none,file=a,id=d                  | -drive if=none,file=a,id=d: needs a format, which is never guessed; add format=raw or format=qcow2",
                "-device virtio-blk-device,drive=x           | -device virtio-blk-device,drive=x: there is no drive x; give it by -drive if=none,id=x,...",
                "-device virtio-net-device,netdev=n          | -device virtio-net-device,netdev=n: there is no netdev n; give it by -netdev user,id=n",
                "-device virtconsole                         | -device virtconsole: needs -device virtio-serial-device before it",
                "-device e1000                               | -device e1000: use -device virtio-net-device",
                "-device nonsense                            | -device nonsense: there is no such device; -device help shows those that there are",
                "-netdev user,id=n,guestfwd=tcp:10.0.2.9:80-x | -netdev user user,...: guestfwd: no such service; run a server on this host, which the guest reaches at 10.0.2.2",
                "-netdev tap,id=t,fd=3                       | -netdev tap tap,...: fd: a descriptor cannot be handed to this program; use ifname=NAME of a tap that its user owns",
                "-netdev bridge,id=b                         | -netdev bridge,id=b: no helper program is run; make a tap device and use -netdev tap,ifname=NAME",
                "-serial telnet:h:1                          | -serial telnet:h:1: there is no telnet; use stdio, mon:stdio, null, none, file:PATH, pty, unix:PATH,server=on,wait=off, tcp:HOST:PORT,server=on,wait=off or chardev:ID",
                "-serial stdio -monitor stdio                | stdio: is used by 2 character devices; use mon:stdio for serial port and monitor, or a socket",
                "-mon nothing                                | -monitor: there is no chardev nothing; give it by -chardev ...,id=nothing",
                "-daemonize -serial stdio                    | -daemonize: a process in the background has no terminal; use file:PATH, or unix:PATH,server=on,wait=off, in place of stdio",
                "-user alice                                 | -user alice: start the program as that user, in that root; use systemd-run or runuser",
                "-cpu host,-nonsense                         | -cpu host,-nonsense: there is no CPU feature nonsense; -cpu help shows those that there are",
            })
    void saysWhatToUseInstead(String line, String problem) {
        assertThat(problems(line + " -nodefaults")).containsExactly(problem);
    }

    @Test
    void reportsAllProblemsAtOnce() {
        assertThat(problems("-M pit=2 -device e1000 -foo -smp x")).hasSize(4);
    }

    @Test
    void roundsMemoryUp_andSaysSo() {
        Invocation read = read("-m 4092069k");

        assertThat(read.vm.spec().memory().mib()).isEqualTo(3997);
        assertThat(read.problems().notes()).containsExactly("-m: rounded up to 3997 MiB");
        assertThat(read("-m 512M").problems().notes()).isEmpty();
    }

    @Test
    void takesTheFirstAcceleratorThatIsHere() {
        assertThat(spec("-M microvm,accel=hvf:tcg").hypervisor()).isEqualTo(HypervisorChoice.ENGINE);
        assertThat(spec("-M microvm,accel=kvm:tcg").hypervisor()).isNull();
    }

    @Test
    void leadsNothingToATerminal_inTheBackground() {
        assertThat(read("-daemonize").chardevs).isEmpty();
    }

    @Test
    void takesAShortOff() {
        Invocation read = read("-serial unix:/tmp/x,server,nowait -nodefaults");

        assertThat(read.problems().problems()).noneMatch(each -> each.contains("-serial"));
        assertThat(read.chardevs.get("#chardev0")).satisfies(chardev -> {
            assertThat(chardev.server).isTrue();
            assertThat(chardev.wait).isFalse();
            assertThat(chardev.path).isEqualTo("/tmp/x");
        });
    }
}
