package dev.microvm.bench;

import dev.microvm.MicroVm;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.KernelImage;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;

/**
 * Disk and network of Debian's kernel, in our machine and in QEMU's. Each round starts one machine
 * of each in a new process, with the same kernel, initramfs, image and tap, and runs the same
 * {@code traffic.c} in it. The time is measured outside, between two lines of the guest's console.
 *
 * <p>{@code kvm} compares KVM with QEMU's microvm on KVM, with virtio-mmio in both. {@code engine}
 * compares the Java engine with TCG and QEMU's PC, which has virtio-pci, because TCG cannot boot
 * this kernel on microvm. Needs root for the tap; run it in a separate network namespace.
 *
 * <p>Arguments: {@code kvm} or {@code engine}, folder of {@code scripts/guest-files}, the guest's
 * program, rounds.
 */
public final class VirtioBenchmark {
    private static final String TAP = "mvbench";
    private static final MacAddress TAP_MAC = MacAddress.parse("52:54:00:00:00:01");
    private static final MacAddress USER_MAC = MacAddress.parse("52:54:00:00:00:02");
    private static final String READY = "bench-init-runs";
    private static final String CMDLINE = "console=ttyS0 reboot=k panic=-1 quiet mitigations=off cryptomgr.notests";
    private static final int MEMORY_MIB = 256;
    private static final Duration LIMIT = Duration.ofMinutes(30);
    private static final int MIB = 1 << 20;
    private static final double KIB_PER_MIB = 1024;

    private static final int DISK_MIB = 64;
    private static final int EXECUTABLE = 0755;

    /** One load of the guest: its name in the guest's lines, and its amount with a unit. */
    private record Load(String name, String what, String unit, double amount) {}

    private final boolean kvm;
    private final Path guest;
    private final Path program;
    private final int rounds;
    private final int netMib;
    private final int reads;

    private VirtioBenchmark(String[] args) {
        kvm = args[0].equals("kvm");
        guest = Path.of(args[1]);
        program = Path.of(args[2]);
        rounds = Integer.parseInt(args[3]);
        netMib = kvm ? 32 : 128;
        reads = kvm ? 2000 : 8000;
    }

    /** Runs the benchmark and prints a table; in a child process, runs one machine. */
    public static void main(String[] args) throws IOException, InterruptedException {
        if (args[0].equals("child")) {
            runGuest(args);
        } else {
            new VirtioBenchmark(args).measure();
        }
    }

    private List<Load> loads() {
        List<Load> loads = new ArrayList<>();
        loads.add(new Load("sequential-1024k", "disk, sequential reads of 1 MiB", "MiB/s", DISK_MIB));
        loads.add(new Load("random-1", "disk, random reads of 4 KiB", "MiB/s", reads * 4 / KIB_PER_MIB));
        loads.add(new Load("random-8", "disk, random reads of 4 KiB, 8 at once", "MiB/s", reads * 4 / KIB_PER_MIB));
        for (String network : List.of("tap", "user")) {
            loads.add(new Load(network + "-receive", network + " network, TCP to the guest", "MiB/s", netMib));
            loads.add(new Load(network + "-send", network + " network, TCP from the guest", "MiB/s", netMib));
        }
        return loads;
    }

    private String init(Initramfs.Builder files, int source, int sink) {
        StringBuilder init = new StringBuilder("""
                #!/bin/busybox sh
                /bin/busybox --install -s /bin
                mount -t proc proc /proc
                mount -t sysfs sys /sys
                mount -t devtmpfs dev /dev
                """);
        files.moduleLoadOrder().forEach(module -> init.append("insmod %s%n".formatted(module)));
        init.append("""
                until [ -b /dev/vda ]; do sleep 0.1; done
                for card in /sys/class/net/eth*; do
                    case $(cat $card/address) in
                        %s) address=10.77.0.2 ;;
                        %s) address=10.0.2.15 ;;
                    esac
                    ip addr add $address/24 dev ${card##*/}
                    ip link set ${card##*/} up
                done
                echo %s
                traffic sequential /dev/vda %d 1024
                traffic random /dev/vda %4$d %d 1
                traffic random /dev/vda %4$d %5$d 8
                """.formatted(TAP_MAC, USER_MAC, READY, DISK_MIB, reads));
        for (String network : List.of("tap 10.77.0.1", "user 10.0.2.2")) {
            init.append("traffic receive %s %d%ntraffic send %1$s %d %d%n".formatted(network, source, sink, netMib));
        }
        return init.append("sleep 1000\n").toString(); // the process is ended: QEMU's microvm does not end by reboot=k
    }

    private void measure() throws IOException, InterruptedException {
        Path folder = Files.createTempDirectory("microvm-bench");
        Path kernel = folder.resolve("vmlinux");
        Path initrd = folder.resolve("initrd");
        Path disk = folder.resolve("disk");
        try (TrafficServer server = new TrafficServer((long) netMib * MIB)) {
            KernelImage.open(guest.resolve("cloud/vmlinuz")).writeVmlinux(kernel);
            byte[] content = new byte[DISK_MIB * MIB];
            new Random(1).nextBytes(content);
            Files.write(disk, content);
            writeInitramfs(initrd, server);
            makeTap();
            Map<String, Measured> measured = new LinkedHashMap<>();
            for (int i = 0; i < rounds; i++) {
                run(ours(kernel, initrd, disk), measured, true);
                run(qemu(kernel, initrd, disk), measured, false);
                System.err.printf("round %d of %d is done%n", i + 1, rounds);
            }
            print(measured);
        } finally {
            for (Path file : List.of(kernel, initrd, disk, folder)) Files.deleteIfExists(file);
        }
    }

    private void writeInitramfs(Path initrd, TrafficServer server) throws IOException {
        String release = Files.readString(guest.resolve("cloud/release")).strip();
        List<String> modules = List.of("virtio_mmio", "virtio_pci", "virtio_blk", "virtio_net");
        Initramfs.Builder files = Initramfs.builder()
                .file("/bin/busybox", guest.resolve("busybox"), EXECUTABLE)
                .file("/bin/traffic", program, EXECUTABLE)
                .directory("/proc", EXECUTABLE)
                .directory("/sys", EXECUTABLE)
                .directory("/dev", EXECUTABLE)
                .modules(guest.resolve("cloud/modules"), release, modules);
        files.init(init(files, server.sourcePort(), server.sinkPort())).build().write(initrd);
    }

    /** Makes a tap that persists while machines start and end. */
    private static void makeTap() throws IOException, InterruptedException {
        String commands = "set -e; ip link set lo up; ip tuntap add dev %s mode tap vnet_hdr; ".formatted(TAP)
                + "ip addr add 10.77.0.1/24 dev %1$s; ip link set %1$s up".formatted(TAP);
        int status =
                new ProcessBuilder("sh", "-c", commands).inheritIO().start().waitFor();
        if (status != 0) throw new IOException("cannot make the tap " + TAP + ": this needs root");
    }

    private static final class Measured {
        final Samples ours = new Samples();
        final Samples theirs = new Samples();
        final Samples oursCpu = new Samples();
        final Samples theirsCpu = new Samples();
    }

    private void run(ProcessBuilder machine, Map<String, Measured> measured, boolean isOurs) throws IOException {
        try (GuestProcess run = new GuestProcess(machine)) {
            run.await(READY);
            for (Load load : loads()) {
                GuestProcess.Mark begin = run.await(load.name + " begin");
                GuestProcess.Mark end = run.await(load.name + " end");
                Measured here = measured.computeIfAbsent(load.name, name -> new Measured());
                (isOurs ? here.ours : here.theirs).add(load.amount / (end.seconds() - begin.seconds()));
                (isOurs ? here.oursCpu : here.theirsCpu).add(end.cpuSeconds() - begin.cpuSeconds());
            }
        }
    }

    private void print(Map<String, Measured> measured) {
        String peer = kvm ? "QEMU" : "QEMU TCG";
        Table table = new Table(
                "", "unit", "ours", peer, "ours/" + peer, "ours, s CPU", peer + ", s CPU", "all rounds, ours; " + peer);
        for (Load load : loads()) {
            Measured here = Objects.requireNonNull(measured.get(load.name));
            table.row(
                    load.what,
                    load.unit,
                    Samples.text("%.1f", here.ours.median()),
                    Samples.text("%.1f", here.theirs.median()),
                    Samples.text("%.2f", here.ours.over(here.theirs).median()),
                    Samples.text("%.2f", here.oursCpu.median()),
                    Samples.text("%.2f", here.theirsCpu.median()),
                    here.ours.all("%.1f") + "; " + here.theirs.all("%.1f"));
        }
        System.out.printf(
                "### Virtio %s%n%nMedians of %d rounds; 1 vCPU, %d MiB.%n%n%s%n",
                kvm ? "on KVM" : "on the engine", rounds, MEMORY_MIB, table);
    }

    // Machines

    private ProcessBuilder ours(Path kernel, Path initrd, Path disk) {
        return ChildJvm.builder(
                List.of(),
                VirtioBenchmark.class,
                List.of("child", kvm ? "kvm" : "engine", kernel.toString(), initrd.toString(), disk.toString()));
    }

    private static void runGuest(String[] args) {
        boolean kvm = args[1].equals("kvm");
        UserNetwork user = UserNetwork.builder().policy(NetPolicy.ALL).build();
        try (MicroVm vm = MicroVm.builder()
                .hypervisor(kvm ? HypervisorChoice.KVM : HypervisorChoice.ENGINE)
                .irqchip(kvm ? Irqchip.KERNEL : Irqchip.SPLIT)
                .kernel(Path.of(args[2]))
                .initrd(Path.of(args[3]))
                .memoryMiB(MEMORY_MIB)
                .cmdline(CMDLINE)
                .virtioBlk(DiskImage.raw(Path.of(args[4])))
                .virtioNet(new TapBackend(TAP), TAP_MAC)
                .virtioNet(user, USER_MAC)
                .serial(System.out)
                .start()) {
            vm.awaitExit(LIMIT);
        }
    }

    private ProcessBuilder qemu(Path kernel, Path initrd, Path disk) {
        List<String> command = new ArrayList<>(List.of("qemu-system-x86_64", "-M"));
        command.addAll(
                kvm
                        ? List.of("microvm", "-enable-kvm", "-cpu", "host", "-global", "virtio-mmio.force-legacy=false")
                        : List.of("pc", "-accel", "tcg", "-cpu", "max"));
        String bus = kvm ? "device" : "pci";
        command.addAll(List.of("-m", String.valueOf(MEMORY_MIB), "-nodefaults", "-no-user-config", "-display", "none"));
        command.addAll(List.of("-no-reboot", "-serial", "stdio"));
        command.addAll(List.of("-drive", "if=none,id=disk,format=raw,file=" + disk));
        command.addAll(List.of("-device", "virtio-blk-%s,drive=disk".formatted(bus)));
        command.addAll(List.of("-netdev", "tap,id=tap,ifname=%s,script=no,downscript=no".formatted(TAP)));
        command.addAll(List.of("-device", "virtio-net-%s,netdev=tap,mac=%s".formatted(bus, TAP_MAC)));
        command.addAll(List.of("-netdev", "user,id=user"));
        command.addAll(List.of("-device", "virtio-net-%s,netdev=user,mac=%s".formatted(bus, USER_MAC)));
        command.addAll(List.of("-kernel", kernel.toString(), "-initrd", initrd.toString(), "-append", CMDLINE));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    }
}
