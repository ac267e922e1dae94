package dev.microvm.bench;

import dev.microvm.bus.BusDevice;
import dev.microvm.vcpu.VcpuLoop;
import dev.microvm.vcpu.VcpuThreads;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/**
 * Resident memory that each idle machine adds to this process, without the touched pages of its
 * RAM. The kernel's own memory is not counted. Each run is a new JVM, because closing machines does
 * not return thread stacks and the C library's memory to the host.
 *
 * <p>Java's heap is touched beforehand, so that its growth does not blur the figure. Live objects
 * after a collection are measured separately and added.
 *
 * <p>Arguments: runs, and machines at the last of two measurements.
 */
public final class IdleMemoryBenchmark {
    private static final int WARM_UP_MACHINES = 20;
    private static final double KIB = 1024;

    private IdleMemoryBenchmark() {}

    /** A machine whose guest halts. */
    interface IdleMachine extends AutoCloseable {
        /** The host memory behind the guest's RAM. */
        List<MemorySegment> ram();

        @Override
        void close();
    }

    /** Makes a machine and returns once its guest is about to halt. */
    @FunctionalInterface
    interface Factory {
        IdleMachine start(int number);
    }

    /** Runs the benchmark and prints a table; in a child process, prints numbers. */
    public static void main(String[] args) throws IOException {
        if (args.length == 2 && args[0].equals("child")) {
            new Run(SpiMachine::new).measure(Integer.parseInt(args[1]));
        } else {
            int runs = args.length > 0 ? Integer.parseInt(args[0]) : 5;
            int machines = args.length > 1 ? Integer.parseInt(args[1]) : 100;
            report(runs, machines);
        }
    }

    private static void report(int runs, int machines) throws IOException {
        Samples half = new Samples();
        Samples all = new Samples();
        Samples heap = new Samples();
        Samples ram = new Samples();
        for (int i = 0; i < runs; i++) {
            String[] numbers = child(machines).split(" ", -1);
            half.add(Double.parseDouble(numbers[0]));
            all.add(Double.parseDouble(numbers[1]));
            heap.add(Double.parseDouble(numbers[2]));
            ram.add(Double.parseDouble(numbers[3]));
        }
        Table table = new Table("per idle VM, KiB", "median", "range", "all runs");
        row(table, "resident, heap and guest RAM left out, %d VMs".formatted(machines / 2), half);
        row(table, "resident, heap and guest RAM left out, %d VMs".formatted(machines), all);
        row(table, "live Java heap, %d VMs".formatted(machines), heap);
        row(table, "guest RAM touched (not ours)", ram);
        System.out.printf("### Idle memory%n%nMedians of %d runs, each a JVM of its own.%n%n%s%n", runs, table);
        System.out.printf(
                "Added per idle VM in all: %s KiB (target: below 2048).%n",
                Samples.text("%.0f", all.median() + heap.median()));
    }

    private static void row(Table table, String name, Samples samples) {
        table.row(name, Samples.text("%.1f", samples.median()), samples.range("%.1f"), samples.all("%.1f"));
    }

    private static String child(int machines) throws IOException {
        List<String> options = List.of("-XX:+UseSerialGC", "-Xms64m", "-Xmx64m", "-XX:+AlwaysPreTouch");
        Process child = ChildJvm.start(options, IdleMemoryBenchmark.class, List.of("child", String.valueOf(machines)));
        try (BufferedReader out = child.inputReader()) {
            String line = out.readLine();
            if (line == null) throw new IOException("the measuring JVM printed nothing");
            return line;
        }
    }

    /** One run, in a new JVM. */
    private static final class Run {
        private final Factory factory;
        private final Deque<IdleMachine> idle = new ArrayDeque<>();

        Run(Factory factory) {
            this.factory = factory;
        }

        void measure(int machines) {
            for (int i = 0; i < WARM_UP_MACHINES; i++) factory.start(i).close();
            Usage none = usage();
            start(machines / 2);
            Usage half = usage();
            start(machines - machines / 2);
            Usage all = usage();
            System.out.printf(
                    "%s %s %s %s%n",
                    perMachine(half.other() - none.other(), machines / 2),
                    perMachine(all.other() - none.other(), machines),
                    perMachine(all.heap() - none.heap(), machines),
                    perMachine(all.ram(), machines));
            while (!idle.isEmpty()) idle.pop().close();
        }

        private void start(int machines) {
            for (int i = 0; i < machines; i++) idle.push(factory.start(idle.size()));
        }

        private Usage usage() {
            System.gc();
            long heap = ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed();
            long ram = idle.stream()
                    .flatMap(machine -> machine.ram().stream())
                    .mapToLong(IdleMemoryBenchmark::touched)
                    .sum();
            return new Usage(resident() - ram, heap, ram);
        }

        private static String perMachine(long bytes, int machines) {
            return Samples.text("%.2f", bytes / KIB / machines);
        }
    }

    /** Usage in bytes: resident without guest RAM, live in Java's heap, touched guest RAM. */
    private record Usage(long other, long heap, long ram) {}

    /** Returns the resident memory of this process in bytes: proc_pid_smaps_rollup(5). */
    private static long resident() {
        try {
            for (String line : Files.readAllLines(Path.of("/proc/self/smaps_rollup"))) {
                if (line.startsWith("Rss:")) return Long.parseLong(line.replaceAll("[^0-9]", "")) * 1024;
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        throw new IllegalStateException("no Rss in /proc/self/smaps_rollup");
    }

    /**
     * Returns how many bytes of {@code memory} are resident: bit 63 of the page's entry,
     * proc_pid_pagemap(5).
     */
    private static long touched(MemorySegment memory) {
        int pageSize = 4096;
        int pages = Math.toIntExact(memory.byteSize() / pageSize);
        byte[] entries = new byte[pages * Long.BYTES];
        try (RandomAccessFile file = new RandomAccessFile("/proc/self/pagemap", "r")) {
            file.seek(memory.address() / pageSize * Long.BYTES);
            file.readFully(entries);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        ByteBuffer words = ByteBuffer.wrap(entries).order(ByteOrder.nativeOrder());
        long bytes = 0;
        while (words.hasRemaining()) {
            if (words.getLong() < 0) bytes += pageSize;
        }
        return bytes;
    }

    /** A machine of the hypervisor SPI alone: one vCPU with its thread, and a device. */
    private static final class SpiMachine implements IdleMachine, VcpuLoop.Listener {
        private static final Duration LIMIT = Duration.ofSeconds(10);

        private final BenchMachine machine = new BenchMachine(BenchMachine.kvm(), Guests.program("idle"));
        private final VcpuThreads threads;

        SpiMachine(int number) {
            Ready ready = new Ready(new CountDownLatch(1));
            machine.buses().ports().add(BenchMachine.DEVICE_PORT, 1, "ready", ready);
            machine.start(0, 0);
            threads = new VcpuThreads("idle-" + number, List.of(new VcpuLoop(machine.vcpu(), machine.buses(), this)));
            threads.start();
            ready.await();
        }

        @Override
        public List<MemorySegment> ram() {
            return List.of(machine.memory());
        }

        @Override
        public void shutdown(int vcpu) {
            failed(vcpu, new IllegalStateException("triple fault"));
        }

        @Override
        public void failed(int vcpu, Throwable cause) {
            cause.printStackTrace();
            System.exit(1);
        }

        @Override
        public void close() {
            if (!threads.stopAndJoin(LIMIT)) throw new IllegalStateException("a vCPU does not stop");
            machine.close();
        }
    }

    /** A device by which the guest reports that it runs. */
    private record Ready(CountDownLatch latch) implements BusDevice {
        @Override
        public long read(long offset, int size) {
            return 0;
        }

        @Override
        public void write(long offset, int size, long value) {
            latch.countDown();
        }

        void await() {
            try {
                if (!latch.await(10, TimeUnit.SECONDS)) throw new IllegalStateException("the guest does not run");
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new IllegalStateException(e);
            }
        }
    }
}
