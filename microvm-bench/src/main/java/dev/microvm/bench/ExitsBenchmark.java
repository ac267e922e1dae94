package dev.microvm.bench;

import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;

/**
 * Exits per second through our whole path (KVM_RUN, decoding, bus lookup, device), compared with
 * the C program {@code exits.c} with the same guest; both in turn, round by round. Also measures
 * the bytes that an exit allocates.
 *
 * <p>Arguments: rounds, and the turns of the guest's loop per round; a turn is 16 accesses.
 */
public final class ExitsBenchmark {
    private static final int WARM_UP_ROUNDS = 10;
    private static final int WALL = 0;
    private static final int CPU = 1;
    private static final double NANOS_PER_SECOND = 1e9;

    private final BenchMachine machine;
    private final CountingDevice device = new CountingDevice();
    private final ThreadMXBean threads = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private final Peer peer;
    private final int rounds;
    private final int turns;

    private ExitsBenchmark(BenchMachine machine, Peer peer, int rounds, int turns) {
        this.machine = machine;
        this.peer = peer;
        this.rounds = rounds;
        this.turns = turns;
        machine.buses().ports().add(BenchMachine.DEVICE_PORT, 1, "counter", device);
        machine.buses().mmio().add(BenchMachine.DEVICE_MMIO, 0x1000, "counter", device);
    }

    /** Runs the benchmark and prints a table. */
    public static void main(String[] args) throws IOException {
        int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 41;
        int turns = args.length > 1 ? Integer.parseInt(args[1]) : 400;
        try (BenchMachine machine = new BenchMachine(BenchMachine.kvm(), Guests.program("exits"));
                Peer peer = new Peer("exits", "exits")) {
            new ExitsBenchmark(machine, peer, rounds, turns).measure();
        }
    }

    private void measure() throws IOException {
        Table table = new Table(
                "exit",
                "ours, exits/s",
                "C, exits/s",
                "ours/C",
                "ours, ns CPU",
                "C, ns CPU",
                "C/ours, CPU",
                "bytes/run");
        StringBuilder all = new StringBuilder();
        for (Access access : Access.values()) {
            Samples[] ours = pair();
            Samples[] theirs = pair();
            Samples bytes = new Samples();
            for (int i = -WARM_UP_ROUNDS; i < rounds; i++) {
                Round mine;
                Round peers;
                if (i % 2 == 0) {
                    mine = ours(access);
                    peers = theirs(access);
                } else {
                    peers = theirs(access);
                    mine = ours(access);
                }
                if (i < 0) continue;
                add(ours, mine);
                add(theirs, peers);
                bytes.add((double) mine.bytes);
            }
            table.row(
                    access.text,
                    Samples.text("%,.0f", ours[WALL].median()),
                    Samples.text("%,.0f", theirs[WALL].median()),
                    Samples.text("%.3f", ours[WALL].over(theirs[WALL]).median()),
                    Samples.text("%,.0f", ours[CPU].median()),
                    Samples.text("%,.0f", theirs[CPU].median()),
                    Samples.text("%.3f", theirs[CPU].over(ours[CPU]).median()),
                    Samples.text("%.0f", bytes.median()));
            all.append(access.text)
                    .append(", ours: ")
                    .append(ours[WALL].all("%.0f"))
                    .append('\n');
            all.append(access.text)
                    .append(", C: ")
                    .append(theirs[WALL].all("%.0f"))
                    .append('\n');
            all.append(access.text)
                    .append(", C/ours by CPU time: ")
                    .append(theirs[CPU].over(ours[CPU]).all("%.2f"))
                    .append('\n');
        }
        System.out.printf("""
                ### Exits

                Medians of %d rounds, each a run of %,d exits. The ratios are medians of the rounds' ratios; by CPU time \
                of the vCPU's thread, other load on the host does not count. Bytes are what a whole run allocates.

                %s
                All rounds, exits/s:
                ```
                %s```
                """, rounds, (long) turns * Access.PER_TURN, table, all);
    }

    private static Samples[] pair() {
        return new Samples[] {new Samples(), new Samples()};
    }

    private static void add(Samples[] to, Round round) {
        to[WALL].add(round.exits * NANOS_PER_SECOND / round.nanos);
        to[CPU].add((double) round.cpuNanos / round.exits);
    }

    private Round ours(Access access) {
        machine.start(access.number, turns);
        long before = device.accesses();
        long bytes = threads.getCurrentThreadAllocatedBytes();
        long cpu = threads.getCurrentThreadCpuTime();
        long start = System.nanoTime();
        machine.runToEnd();
        long time = System.nanoTime() - start;
        long cpuTime = threads.getCurrentThreadCpuTime() - cpu;
        return checked(
                new Round(device.accesses() - before, time, cpuTime, threads.getCurrentThreadAllocatedBytes() - bytes));
    }

    private Round theirs(Access access) throws IOException {
        long[] answer = peer.ask(access.number + " " + turns);
        return checked(new Round(answer[0], answer[1], answer[2], 0));
    }

    private Round checked(Round round) {
        if (round.exits != (long) turns * Access.PER_TURN) {
            throw new IllegalStateException(
                    "the device saw %d accesses of %d".formatted(round.exits, turns * Access.PER_TURN));
        }
        return round;
    }

    /** The figures of one run of the guest. */
    private record Round(long exits, long nanos, long cpuNanos, long bytes) {}
}
