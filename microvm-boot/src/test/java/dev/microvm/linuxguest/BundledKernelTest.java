package dev.microvm.linuxguest;

import static dev.microvm.boot.testing.LinuxGuest.ask;
import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.testing.DebianPrograms;
import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.HostProgram;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.boot.testing.SameByte;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.devices.virtio.vsock.VsockChannel;
import dev.microvm.devices.virtio.vsock.VsockListener;
import dev.microvm.model.ExitReport.Reason;
import dev.microvm.model.Feature;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The kernel of {@code microvm-kernel}, which {@code scripts/kernel} builds: it has all drivers of
 * the machine without modules, and finds its devices by ACPI, and by command line and MP table.
 */
@Lanes.Kernels
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class BundledKernelTest {
    private static final Duration SOON = Duration.ofMinutes(2);
    private static final long CID = 3;
    private static final int PORT = 7000;
    private static final int EXECUTABLE = 0755;
    private static final byte[] CONTENT = "content of a file\n".getBytes(US_ASCII);

    /** Prints "32 bits" and ends, by system calls of the 32-bit kind. */
    private static final String PROGRAM = """
            .globl _start
            _start: mov $4, %eax
            mov $1, %ebx
            mov $text, %ecx
            mov $8, %edx
            int $0x80
            mov $1, %eax
            mov $0, %ebx
            int $0x80
            text: .ascii "32 bits\\n"
            """;

    private static final String RULES = """
            table inet t {
                set s { type ipv4_addr; flags interval; elements = { 10.9.0.0/16 } }
                chain in {
                    type filter hook input priority 0; policy accept;
                    ct state established,related accept
                    ip saddr @s counter reject
                    tcp dport 99 limit rate 5/second log prefix "seen " accept
                }
                chain out {
                    type nat hook postrouting priority 100;
                    oifname "eth0" masquerade
                }
                chain mss {
                    type filter hook forward priority 0;
                    tcp flags syn tcp option maxseg size set rt mtu
                }
            }
            """;

    @SuppressWarnings("NullAway.Init") // set by prepareGuest
    private Path kernel;

    @SuppressWarnings("NullAway.Init")
    private Initramfs initramfs;

    @TempDir
    private static Path folder;

    @BeforeAll
    void prepareGuest() throws IOException {
        kernel = GuestFiles.bundledKernel();
        Path source = Files.write(folder.resolve("vsock.c"), DebianPrograms.resource("vsock.c"));
        HostProgram.run("cc", "-O1", "-static", "-o", folder.resolve("vsock"), source);
        Files.writeString(folder.resolve("bits.s"), PROGRAM);
        HostProgram.run("as", "--32", "-o", folder.resolve("bits.o"), folder.resolve("bits.s"));
        HostProgram.run("ld", "-m", "elf_i386", "-o", folder.resolve("bits"), folder.resolve("bits.o"));
        Initramfs.Builder files = LinuxGuest.files()
                .file("/bin/vsock", folder.resolve("vsock"), EXECUTABLE)
                .file("/bin/bits", folder.resolve("bits"), EXECUTABLE)
                .file("/rules", RULES, EXECUTABLE)
                .directory("/mnt", EXECUTABLE)
                .directory("/mnt2", EXECUTABLE);
        initramfs = LinuxGuest.build(DebianPrograms.addNft(files), LinuxGuest.DIALOGUE);
    }

    private MicroVmBuilder machine(Feature acpi) {
        return TestMachine.builder()
                .kernel(kernel)
                .initrd(initramfs)
                .acpi(acpi)
                .vcpus(2)
                .memoryMiB(256)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1");
    }

    private static MicroVm ready(MicroVmBuilder builder) {
        MicroVm vm = builder.start();
        LinuxGuest.awaitReady(vm);
        return vm;
    }

    /** Returns what a command printed, without its exit status and white space around it. */
    private static String words(String output) {
        return output.replace("=0=", "").strip();
    }

    private static Path tree() throws IOException {
        Path tree = Files.createDirectories(folder.resolve("tree"));
        Files.write(tree.resolve("file"), CONTENT);
        return tree;
    }

    private static Path ext4() throws IOException {
        Path image = folder.resolve("ext4");
        if (!Files.exists(image)) HostProgram.run("mke2fs", "-q", "-t", "ext4", "-d", tree(), image, "4M");
        return image;
    }

    @ParameterizedTest
    @EnumSource(
            value = Feature.class,
            names = {"ON", "OFF"})
    void findsEveryDevice(Feature acpi) throws Exception {
        UserNetwork network =
                UserNetwork.builder().policy(NetPolicy.ALL).kernelIp(true).build();
        try (TestServers.Tcp server = TestServers.Tcp.http(CONTENT);
                MicroVm vm = ready(machine(acpi)
                        .virtioBlk(DiskImage.raw(ext4()).overlay())
                        .virtioNet(network)
                        .virtioConsole("agent")
                        .virtioRng(new SameByte('7'))
                        .virtioVsock(CID)
                        .virtioBalloon())) {
            assertThat(words(ask(vm, "nproc"))).isEqualTo("2");
            assertThat(words(ask(vm, "ls /sys/bus/virtio/devices | wc -l"))).isEqualTo("6");
            assertThat(words(ask(vm, "ls -d /sys/bus/virtio/devices/*/driver | wc -l")))
                    .isEqualTo("6");
            assertThat(words(ask(vm, "dmesg | grep -E '[Ee]rror|[Ff]ail|BUG|nable to' | cat")))
                    .as("complaints of the kernel")
                    .isEmpty();

            assertThat(ask(vm, "mount -t ext4 /dev/vda /mnt && cat /mnt/file && echo new > /mnt/new && umount /mnt"))
                    .contains("content of a file");
            // The address came with the command line: no DHCP client runs.
            assertThat(ask(vm, "ip -4 addr show dev eth0")).contains("inet 10.0.2.15/24");
            assertThat(ask(vm, "cat /proc/net/pnp")).contains("nameserver 10.0.2.3");
            assertThat(ask(vm, "wget -q -O - http://10.0.2.2:%d/".formatted(server.port())))
                    .contains("content of a file");
            ask(vm, "echo hello > /dev/vport2p1");
            vm.port("agent").awaitText("hello", SOON);
            assertThat(ask(vm, "head -c 20 /dev/hwrng")).contains("7".repeat(20));
            talksByVsock(vm);
            vm.balloon().targetMiB(64);
            awaitActual(vm, 64);

            assertThat(ask(vm, "cat /proc/interrupts"))
                    .containsPattern("LOC: +[1-9][0-9]* +[1-9]")
                    .containsPattern("IO-APIC +4-edge +ttyS0")
                    .containsPattern("IO-APIC +8-edge +rtc0");
            assertThat(ask(vm, "hwclock -u -r")).contains("20");
        }
    }

    private static void talksByVsock(MicroVm vm) throws IOException {
        try (VsockListener listener = vm.vsock().listen(PORT)) {
            vm.console().type("echo hello, host | vsock -a " + PORT + "\n");
            try (VsockChannel guest = listener.accept(SOON)) {
                ByteBuffer said = ByteBuffer.allocate(64);
                while (guest.read(said) >= 0) {}
                assertThat(new String(said.array(), 0, said.position(), US_ASCII))
                        .isEqualTo("hello, host\n");
            }
            vm.console().awaitText("=0=", SOON);
        }
    }

    private static void awaitActual(MicroVm vm, int mib) throws InterruptedException {
        long end = System.nanoTime() + SOON.toNanos();
        while (vm.balloon().actualMiB() != mib) {
            assertThat(System.nanoTime()).as("the balloon has its size").isLessThan(end);
            Thread.sleep(50);
        }
    }

    /** {@code ip=dhcp} on the command line: the kernel asks for its address before init runs. */
    @Test
    void asksForItsAddressByDhcp() {
        try (MicroVm vm = ready(machine(Feature.ON)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1 ip=dhcp")
                .virtioNet(UserNetwork.builder().build()))) {
            assertThat(ask(vm, "ip -4 addr show dev eth0")).contains("inet 10.0.2.15/24");
            assertThat(ask(vm, "ip route")).contains("default via 10.0.2.2");
        }
    }

    @Test
    void hasWhatContainersNeed() {
        try (MicroVm vm = ready(machine(Feature.ON))) {
            assertThat(ask(vm, "mkdir /cg; mount -t cgroup2 none /cg && cat /cg/cgroup.controllers"))
                    .contains("cpuset", "cpu", "io", "memory", "hugetlb", "pids");
            assertThat(ask(vm, "ls /proc/self/ns"))
                    .contains("cgroup", "ipc", "mnt", "net", "pid", "time", "user", "uts");
            assertThat(ask(
                            vm,
                            "mount -t tmpfs t /mnt; mkdir /mnt/up /mnt/work; "
                                    + "mount -t overlay o -o lowerdir=/bin,upperdir=/mnt/up,workdir=/mnt/work /mnt2 "
                                    + "&& echo new > /mnt2/x && cat /mnt/up/x"))
                    .contains("new");
            assertThat(ask(vm, "unshare -m -p -f -n -u -i sh -c 'echo pid $$.'"))
                    .contains("pid 1.");
            ask(vm, "ip link add v0 type veth && brctl addbr br0 && brctl addif br0 v0");
            assertThat(ask(vm, "ip link && ls -d /dev/net/tun")).contains("br0", "v0@", "/dev/net/tun");
            assertThat(ask(vm, "zcat /proc/config.gz | grep CONFIG_SECCOMP_FILTER"))
                    .contains("=y");
            assertThat(ask(vm, "bits")).contains("32 bits");
            assertThat(ask(vm, "cat /proc/filesystems"))
                    .contains("ext4", "erofs", "squashfs", "overlay", "fuse", "virtiofs", "tmpfs");
        }
    }

    @Test
    void loadsRulesOfNftables() {
        try (MicroVm vm = ready(machine(Feature.ON))) {
            ask(vm, "nft -f /rules");
            assertThat(ask(vm, "nft list ruleset")).contains("masquerade", "10.9.0.0/16", "reject", "maxseg");
        }
    }

    @Test
    void mountsErofsAndSquashfs() throws IOException {
        Path erofs = folder.resolve("erofs");
        Path squashfs = folder.resolve("squashfs");
        HostProgram.run("mkfs.erofs", "-zlz4hc", erofs, tree());
        HostProgram.run("mksquashfs", tree(), squashfs, "-comp", "zstd", "-noappend");
        try (MicroVm vm = ready(machine(Feature.ON)
                .virtioBlk(DiskImage.raw(erofs).readOnly())
                .virtioBlk(DiskImage.raw(squashfs).readOnly()))) {
            assertThat(ask(vm, "mount -t erofs -o ro /dev/vda /mnt && cat /mnt/file"))
                    .contains("content of a file");
            assertThat(ask(vm, "mount -t squashfs -o ro /dev/vdb /mnt2 && cat /mnt2/file"))
                    .contains("content of a file");
        }
    }

    /** The root is a disk, and no initramfs is needed. */
    @Test
    void startsFromADisk_withoutInitramfs() throws IOException {
        Path tree = Files.createDirectories(folder.resolve("root/bin"));
        Files.copy(GuestFiles.file("busybox"), tree.resolve("busybox"));
        Path init = Files.writeString(
                folder.resolve("root/init"),
                "#!/bin/busybox sh\n/bin/busybox echo from disk\n/bin/busybox poweroff -f\n");
        assertThat(init.toFile().setExecutable(true)).isTrue();
        Path image = folder.resolve("rootfs");
        HostProgram.run("mke2fs", "-q", "-t", "ext4", "-d", folder.resolve("root"), image, "8M");
        try (MicroVm vm = TestMachine.builder()
                .kernel(kernel)
                .virtioBlk(DiskImage.raw(image).overlay())
                .memoryMiB(128)
                .cmdline("console=ttyS0 quiet reboot=k panic=-1 root=/dev/vda rw init=/init")
                .start()) {
            vm.console().awaitText("from disk", SOON);
            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.POWER_OFF);
        }
    }

    @Test
    void turnsItselfOff_whenTheHostPressesThePowerButton() {
        try (MicroVm vm = ready(machine(Feature.ON))) {
            vm.console().type("exec 3< /dev/input/event0; echo listening; head -c 24 <&3 > /dev/null; poweroff -f\n");
            vm.console().awaitText("listening", SOON);

            assertThat(vm.shutDown(SOON).reason()).isEqualTo(Reason.POWER_OFF);
        }
    }

    @ParameterizedTest
    @EnumSource(
            value = Feature.class,
            names = {"ON", "OFF"})
    void endsByAReset(Feature acpi) {
        try (MicroVm vm = ready(machine(acpi))) {
            vm.console().type("reboot -f\n");

            assertThat(vm.awaitExit(SOON).reason()).isEqualTo(Reason.RESET);
        }
    }
}
