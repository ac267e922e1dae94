package dev.microvm.bench;

import dev.microvm.hypervisor.Hypervisor;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;

/**
 * Machines per second that are made, run to their first exit and closed, in a warm JVM. Compared
 * with the C program {@code lifecycle.c}, which makes the same calls for the same guest, and with
 * QEMU processes whose microvm machine starts firmware that ends it. All run in turn, round by
 * round.
 *
 * <p>Arguments: rounds, machines per round, QEMU processes per round.
 */
public final class LifecycleBenchmark {
    private static final int WARM_UP_ROUNDS = 50;
    private static final int QEMU_ENDED = 1; // isa-debug-exit ends with 2 * value + 1
    private static final double NANOS_PER_SECOND = 1e9;
    private static final double NANOS_PER_MILLI = 1e6;
    private static final String[] QEMU = {
        "qemu-system-x86_64",
        "-M",
        "microvm,pic=off,pit=off,rtc=off,isa-serial=off",
        "-enable-kvm",
        "-cpu",
        "qemu64,pni=off", // KVM-PVM does not offer it, and QEMU would warn each time
        "-m",
        "16",
        "-nodefaults",
        "-no-user-config",
        "-display",
        "none",
        "-device",
        "isa-debug-exit,iobase=0xf4,iosize=1",
        "-bios",
        Guests.file("firmware").toString()
    };

    private final Hypervisor kvm = BenchMachine.kvm();
    private final byte[] program = Guests.program("end");

    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

    private LifecycleBenchmark() {}

    /** Runs the benchmark and prints a table. */
    public static void main(String[] args) throws IOException, InterruptedException {
        int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 31;
        int machines = args.length > 1 ? Integer.parseInt(args[1]) : 20;
        int processes = args.length > 2 ? Integer.parseInt(args[2]) : 2;
        try (Peer peer = new Peer("lifecycle", "end")) {
            new LifecycleBenchmark().measure(peer, rounds, machines, processes);
        }
    }

    private void measure(Peer peer, int rounds, int machines, int processes) throws IOException, InterruptedException {
        Figures ours = new Figures();
        Figures theirs = new Figures();
        Samples qemu = new Samples();
        for (int i = 0; i < WARM_UP_ROUNDS; i++) {
            ours(machines, new Figures());
            theirs(peer, machines, new Figures());
        }
        qemu(processes);
        for (int i = 0; i < rounds; i++) {
            if (i % 2 == 0) {
                ours(machines, ours);
                theirs(peer, machines, theirs);
            } else {
                theirs(peer, machines, theirs);
                ours(machines, ours);
            }
            qemu.add(qemu(processes));
        }
        Table table = new Table("who", "VMs/s", "range", "ours/theirs", "ms CPU per VM", "theirs/ours, CPU");
        table.row("ours", rate(ours.perSecond), range(ours.perSecond), "", millis(ours.cpuMillis), "");
        table.row(
                "C, same calls",
                rate(theirs.perSecond),
                range(theirs.perSecond),
                ratio(ours.perSecond.over(theirs.perSecond)),
                millis(theirs.cpuMillis),
                ratio(theirs.cpuMillis.over(ours.cpuMillis)));
        table.row("QEMU process, -M microvm", rate(qemu), range(qemu), ratio(ours.perSecond.over(qemu)), "", "");
        System.out.printf(
                """
                ### Lifecycle

                Medians of %d rounds of %d VMs each (QEMU: %d processes each). The ratios are medians of the rounds' \
                ratios; by CPU time of the thread that makes the machines, other load on the host does not count.

                %s
                All rounds, VMs/s:
                ```
                ours: %s
                C: %s
                QEMU: %s
                ```
                """,
                rounds,
                machines,
                processes,
                table,
                ours.perSecond.all("%.1f"),
                theirs.perSecond.all("%.1f"),
                qemu.all("%.1f"));
    }

    private void ours(int machines, Figures to) {
        long cpu = threads.getCurrentThreadCpuTime();
        long start = System.nanoTime();
        for (int i = 0; i < machines; i++) {
            try (BenchMachine machine = new BenchMachine(kvm, program)) {
                machine.start(0, 0);
                machine.runToEnd();
            }
        }
        to.add(machines, System.nanoTime() - start, threads.getCurrentThreadCpuTime() - cpu);
    }

    private static void theirs(Peer peer, int machines, Figures to) throws IOException {
        long[] answer = peer.ask(String.valueOf(machines));
        to.add(machines, answer[0], answer[1]);
    }

    private static double qemu(int processes) throws IOException, InterruptedException {
        long start = System.nanoTime();
        for (int i = 0; i < processes; i++) {
            int status = new ProcessBuilder(QEMU).inheritIO().start().waitFor();
            if (status != QEMU_ENDED) throw new IllegalStateException("QEMU ended with status " + status);
        }
        return processes * NANOS_PER_SECOND / (System.nanoTime() - start);
    }

    private static String rate(Samples samples) {
        return Samples.text("%.1f", samples.median());
    }

    private static String range(Samples samples) {
        return samples.range("%.1f");
    }

    private static String millis(Samples samples) {
        return Samples.text("%.2f", samples.median());
    }

    private static String ratio(Samples samples) {
        return Samples.text("%.2f", samples.median());
    }

    /** The figures of one side, over all rounds. */
    private static final class Figures {
        private final Samples perSecond = new Samples();
        private final Samples cpuMillis = new Samples();

        void add(int machines, long nanos, long cpuNanos) {
            perSecond.add(machines * NANOS_PER_SECOND / nanos);
            cpuMillis.add(cpuNanos / NANOS_PER_MILLI / machines);
        }
    }
}
