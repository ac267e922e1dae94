package dev.microvm.bench;

import dev.microvm.hypervisor.Hypervisor;
import java.io.IOException;

/**
 * Machines made, run to their first exit and closed per second, in a warm JVM, beside the C program {@code lifecycle.c}
 * with the same guest and the same calls, and beside processes of QEMU that start its microvm machine with firmware
 * that ends it: all in turn, round by round.
 *
 * <p>Arguments: rounds, machines per round, QEMU processes per round.
 */
public final class LifecycleBenchmark {
    private static final int WARM_UP_ROUNDS = 5;
    private static final int QEMU_ENDED = 1; // isa-debug-exit ends with 2 * value + 1
    private static final double NANOS_PER_SECOND = 1e9;
    private static final String[] QEMU = {
        "qemu-system-x86_64",
        "-M",
        "microvm,pic=off,pit=off,rtc=off,isa-serial=off",
        "-enable-kvm",
        "-cpu",
        "qemu64,pni=off", // KVM-PVM does not offer it, and QEMU says so each time
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

    private LifecycleBenchmark() {}

    /** Runs it and prints a table. */
    public static void main(String[] args) throws IOException, InterruptedException {
        int rounds = args.length > 0 ? Integer.parseInt(args[0]) : 15;
        int machines = args.length > 1 ? Integer.parseInt(args[1]) : 50;
        int processes = args.length > 2 ? Integer.parseInt(args[2]) : 3;
        try (Peer peer = new Peer("lifecycle", "end")) {
            new LifecycleBenchmark().measure(peer, rounds, machines, processes);
        }
    }

    private void measure(Peer peer, int rounds, int machines, int processes) throws IOException, InterruptedException {
        for (int i = 0; i < WARM_UP_ROUNDS; i++) {
            ours(machines);
            theirs(peer, machines);
        }
        qemu(processes);
        Samples ours = new Samples();
        Samples theirs = new Samples();
        Samples qemu = new Samples();
        for (int i = 0; i < rounds; i++) {
            if (i % 2 == 0) {
                ours.add(ours(machines));
                theirs.add(theirs(peer, machines));
            } else {
                theirs.add(theirs(peer, machines));
                ours.add(ours(machines));
            }
            qemu.add(qemu(processes));
        }
        Table table = new Table("who", "VMs/s", "range", "ours/theirs", "pairs, range");
        table.row("ours", Samples.text("%.1f", ours.median()), ours.range("%.1f"), "", "");
        row(table, "C, same calls", ours, theirs);
        row(table, "QEMU process, -M microvm", ours, qemu);
        System.out.printf(
                "### Lifecycle%n%nMedians of %d rounds of %d VMs each (QEMU: %d processes each).%n%n%s%n",
                rounds, machines, processes, table);
        System.out.printf(
                "All rounds, VMs/s:%n```%nours: %s%nC: %s%nQEMU: %s%n```%n",
                ours.all("%.1f"), theirs.all("%.1f"), qemu.all("%.1f"));
    }

    private static void row(Table table, String name, Samples ours, Samples theirs) {
        Samples ratios = ours.over(theirs);
        table.row(
                name,
                Samples.text("%.1f", theirs.median()),
                theirs.range("%.1f"),
                Samples.text("%.2f", ratios.median()),
                ratios.range("%.2f"));
    }

    private double ours(int machines) {
        long start = System.nanoTime();
        for (int i = 0; i < machines; i++) {
            try (BenchMachine machine = new BenchMachine(kvm, program)) {
                machine.start(0, 0);
                machine.runToEnd();
            }
        }
        return perSecond(machines, System.nanoTime() - start);
    }

    private static double theirs(Peer peer, int machines) throws IOException {
        return perSecond(machines, peer.ask(String.valueOf(machines))[0]);
    }

    private static double qemu(int processes) throws IOException, InterruptedException {
        long start = System.nanoTime();
        for (int i = 0; i < processes; i++) {
            int status = new ProcessBuilder(QEMU).inheritIO().start().waitFor();
            if (status != QEMU_ENDED) throw new IllegalStateException("QEMU ended with status " + status);
        }
        return perSecond(processes, System.nanoTime() - start);
    }

    private static double perSecond(int count, long nanos) {
        return count * NANOS_PER_SECOND / nanos;
    }
}
