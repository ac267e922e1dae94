package dev.microvm.bench;

import dev.microvm.Fork;
import dev.microvm.MicroVm;
import dev.microvm.RestoreBuilder;
import dev.microvm.Snapshot;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.root.Root;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;

/**
 * Forks and snapshots on the CPU in Java, against the size of the guest's memory, which it has
 * written: beside QEMU's TCG, which saves and continues the same guest by migration, and beside the C
 * program {@code fork.c}, which makes the same calls for memory and threads. All run in turn, size by
 * size. Then sandboxes: a fork to its first answered command, and tests a minute, each on a fork.
 *
 * <p>Arguments: the guest {@code tick.S}, a kernel with all drivers built in, a static busybox,
 * rounds, the largest memory in MiB, the program {@code true.S}.
 */
public final class ForkBenchmark {
    private static final int SMALLEST_MIB = 128;
    private static final int MANY = 100;
    private static final int QEMU_ROUNDS = 3; // each takes seconds
    private static final int WARM_UP = 200; // children
    private static final int DIRTY_PAGES = 16; // about what the guest writes between two forks
    private static final double NANOS_PER_MILLI = 1e6;
    private static final double SECONDS_PER_MINUTE = 60;

    private final Path guest;
    private final int rounds;
    private final Path folder;
    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

    private ForkBenchmark(Path guest, int rounds, Path folder) {
        this.guest = guest;
        this.rounds = rounds;
        this.folder = folder;
    }

    /** Runs the benchmark and prints its tables. */
    public static void main(String[] args) throws Exception {
        Path folder = Files.createTempDirectory("microvm-fork");
        try {
            int rounds = Integer.parseInt(args[3]);
            ForkBenchmark benchmark = new ForkBenchmark(Path.of(args[0]), rounds, folder);
            benchmark.againstMemory(Integer.parseInt(args[4]));
            benchmark.sandboxes(Path.of(args[1]), Path.of(args[2]), Path.of(args[5]));
        } finally {
            delete(folder);
        }
    }

    private void againstMemory(int largest) throws Exception {
        Table table = new Table(
                "MiB",
                "fork",
                "pause of the parent",
                "C: fork",
                "child",
                "CPU of its maker",
                "C: child",
                "100 children",
                "snapshot",
                "QEMU: save",
                "restore",
                "QEMU: restore");
        warmUp();
        try (Peer peer = new Peer("fork", "end")) {
            for (int mib = SMALLEST_MIB; mib <= largest; mib *= 2) size(mib, peer, table);
        }
        System.out.printf("""
                ### Forks and snapshots

                Milliseconds, medians of %d rounds; the guest has written all of its memory below 4 GiB. A child and a \
                restore are timed to the guest's first instructions; 100 children until \
                the last of them has; a pause is the longest time between two ticks of the guest.

                %s
                """, rounds, table);
    }

    private void warmUp() throws Exception {
        Path to = folder.resolve("warm");
        try (MicroVm parent = parent(SMALLEST_MIB, new TickDevice(false))) {
            Snapshot saved = parent.snapshot(to);
            for (int i = 0; i < WARM_UP; i++) {
                try (Fork moment = parent.fork()) {
                    timeChild(moment.restore());
                }
                timeChild(saved.restore());
            }
            try (Fork moment = parent.fork()) {
                timeMany(moment);
            }
        }
        delete(to);
    }

    private MicroVm parent(int mib, TickDevice ticks) throws InterruptedException {
        MicroVm vm = MicroVm.builder()
                .kernel(guest)
                .hypervisor(HypervisorChoice.ENGINE)
                .memoryMiB(mib)
                .ram(RamBacking.forkable())
                .portDevice("ticks", TickDevice.PORT, 1, context -> ticks)
                .start();
        ticks.awaitFirst();
        return vm;
    }

    private void size(int mib, Peer peer, Table table) throws Exception {
        Samples fork = new Samples();
        Samples pause = new Samples();
        Samples child = new Samples();
        Samples cpu = new Samples();
        Samples many = new Samples();
        Samples snapshot = new Samples();
        Samples restore = new Samples();
        TickDevice ticks = new TickDevice(false);
        try (MicroVm parent = parent(mib, ticks)) {
            parent.fork().close(); // the first one freezes the memory
            for (int i = 0; i < rounds; i++) {
                ticks.forgetGaps();
                long begin = System.nanoTime();
                try (Fork moment = parent.fork()) {
                    fork.add(millisSince(begin));
                    ticks.awaitNext();
                    pause.add(ticks.longestGap() / NANOS_PER_MILLI);
                    parent.pause(); // or it would take a CPU from its children
                    long used = threads.getCurrentThreadCpuTime();
                    child.add(timeChild(moment.restore()));
                    cpu.add((threads.getCurrentThreadCpuTime() - used) / NANOS_PER_MILLI);
                    many.add(timeMany(moment));
                    parent.resume();
                }
                Path to = folder.resolve("snapshot");
                begin = System.nanoTime();
                Snapshot saved = parent.snapshot(to);
                snapshot.add(millisSince(begin));
                parent.pause();
                restore.add(timeChild(saved.restore()));
                parent.resume();
                delete(to);
            }
        }
        long[] peers = peer.ask(mib + " " + DIRTY_PAGES + " " + rounds);
        QemuMigration qemu = new QemuMigration(guest, mib, folder);
        Samples qemuSave = new Samples();
        Samples qemuRestore = new Samples();
        qemuSave.add(qemu.save() / NANOS_PER_MILLI);
        for (int i = 0; i < Math.min(rounds, QEMU_ROUNDS); i++) qemuRestore.add(qemu.restore() / NANOS_PER_MILLI);
        table.row(
                String.valueOf(mib),
                text(fork),
                text(pause),
                Samples.text("%.2f", peers[0] / NANOS_PER_MILLI),
                text(child),
                text(cpu),
                Samples.text("%.2f", peers[1] / NANOS_PER_MILLI),
                text(many),
                text(snapshot),
                text(qemuSave),
                text(restore),
                text(qemuRestore));
    }

    /** Starts a machine from the call of {@code restore()} on, and returns the time to its first tick. */
    private static double timeChild(RestoreBuilder child) throws InterruptedException {
        TickDevice ticks = new TickDevice(true);
        long begin = System.nanoTime();
        MicroVm vm = withTicks(child, ticks).start();
        try (vm) {
            return (ticks.awaitFirst() - begin) / NANOS_PER_MILLI;
        }
    }

    private static RestoreBuilder withTicks(RestoreBuilder child, TickDevice ticks) {
        return child.code(to -> to.portDevice("ticks", TickDevice.PORT, 1, context -> ticks));
    }

    /** Starts many, and returns the time until each guest has run. */
    private static double timeMany(Fork moment) throws InterruptedException {
        List<MicroVm> all = new ArrayList<>();
        List<TickDevice> ticks = new ArrayList<>();
        RestoreBuilder builder = moment.restore()
                .code(to -> to.portDevice("ticks", TickDevice.PORT, 1, context -> {
                    TickDevice made = new TickDevice(true);
                    ticks.add(made);
                    return made;
                }));
        try {
            long begin = System.nanoTime();
            all.addAll(builder.start(MANY));
            long last = begin;
            for (TickDevice each : ticks) last = Math.max(last, each.awaitFirst());
            return (last - begin) / NANOS_PER_MILLI;
        } finally {
            all.forEach(MicroVm::close);
        }
    }

    private void sandboxes(Path kernel, Path busybox, Path alone) throws IOException {
        Path bin = Files.createDirectories(folder.resolve("root/bin"));
        ExecBenchmark.program(busybox, bin.resolve("true"));
        ExecBenchmark.program(alone, bin.resolve("true-alone"));
        Table table = new Table("command", "fork to its answer", "tests a minute, each on a fork of its own");
        try (Sandbox sandbox = Sandbox.builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(kernel)
                .root(Root.directory(folder.resolve("root")))
                .start()) {
            row(table, "`exit(0)` in assembly", sandbox, "/bin/true-alone");
            row(table, "busybox's `true`", sandbox, "/bin/true");
        }
        System.out.printf("A sandbox's fork to its first answered command, in ms:%n%n%s%n", table);
    }

    private static void row(Table table, String name, Sandbox sandbox, String command) {
        Samples answered = new Samples();
        Samples whole = new Samples();
        sandbox.exec(command);
        for (int i = 0; i < MANY * 2; i++) {
            long begin = System.nanoTime();
            try (Sandbox child = sandbox.fork()) {
                child.exec(command);
                if (i >= MANY) answered.add(millisSince(begin));
            }
            if (i >= MANY) whole.add(millisSince(begin));
        }
        table.row(name, text(answered), Samples.text("%.0f", SECONDS_PER_MINUTE * 1000 / whole.median()));
    }

    private static double millisSince(long begin) {
        return (System.nanoTime() - begin) / NANOS_PER_MILLI;
    }

    private static String text(Samples samples) {
        return Samples.text("%.2f", samples.median());
    }

    private static void delete(Path folder) throws IOException {
        try (Stream<Path> all = Files.walk(folder)) {
            for (Path each : all.sorted(Comparator.reverseOrder()).toList()) Files.delete(each);
        }
    }
}
