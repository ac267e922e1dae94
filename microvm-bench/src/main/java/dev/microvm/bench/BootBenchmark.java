package dev.microvm.bench;

import dev.microvm.MicroVm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;

/**
 * Time until a guest's init prints its first line: for our machine from the start of a JVM, for
 * ours from {@link MicroVm#start} in a warm JVM, and for QEMU's microvm machine from the start of
 * its process. All have the same kernel, initrd, command line and memory, and run in turn, round by
 * round. Needs a host whose KVM runs ordinary kernels, or {@code scripts/lab}.
 *
 * <p>Arguments: kernel, initrd whose init prints {@value #FIRST_LINE}, rounds.
 */
public final class BootBenchmark {
    private static final String CMDLINE = "console=ttyS0 reboot=k panic=-1";
    private static final String FIRST_LINE = "bench-init-runs";
    private static final int MEMORY_MIB = 256;
    private static final Duration LIMIT = Duration.ofMinutes(4);
    private static final double NANOS_PER_SECOND = 1e9;

    private final Path kernel;
    private final Path initrd;

    private BootBenchmark(Path kernel, Path initrd) {
        this.kernel = kernel;
        this.initrd = initrd;
    }

    /** Runs the benchmark and prints a table; in a child process, boots once. */
    public static void main(String[] args) throws IOException {
        BootBenchmark benchmark = new BootBenchmark(Path.of(args[0]), Path.of(args[1]));
        if (args[2].equals("child")) {
            benchmark.boot();
        } else {
            benchmark.measure(Integer.parseInt(args[2]));
        }
    }

    private void measure(int rounds) throws IOException {
        Samples cold = new Samples();
        Samples warm = new Samples();
        Samples qemu = new Samples();
        boot(); // warms up this JVM
        for (int i = 0; i < rounds; i++) {
            cold.add(cold());
            warm.add(boot());
            qemu.add(qemu());
        }
        Table table = new Table("seconds to init's first line", "median", "all rounds");
        row(table, "ours, from the start of a JVM", cold);
        row(table, "ours, from start() in a warm JVM", warm);
        row(table, "QEMU -M microvm, from the start of its process", qemu);
        System.out.printf(
                "### Boot%n%nMedians of %d rounds. Kernel %s, 1 vCPU, %d MiB.%n%n%s%n",
                rounds, kernel.subpath(kernel.getNameCount() - 2, kernel.getNameCount()), MEMORY_MIB, table);
    }

    private static void row(Table table, String name, Samples samples) {
        table.row(name, Samples.text("%.2f", samples.median()), samples.all("%.2f"));
    }

    /**
     * Boots once in this JVM, prints init's first line, and returns the time from start() to it in
     * seconds.
     */
    private double boot() {
        try (MicroVm vm = MicroVm.builder()
                .kernel(kernel)
                .initrd(initrd)
                .cmdline(CMDLINE)
                .memoryMiB(MEMORY_MIB)
                .build()) {
            long start = System.nanoTime();
            vm.start().console().awaitText(FIRST_LINE, LIMIT);
            double seconds = secondsSince(start);
            System.out.println(FIRST_LINE);
            return seconds;
        }
    }

    private double cold() throws IOException {
        long start = System.nanoTime();
        return awaitFirstLine(
                ChildJvm.start(List.of(), BootBenchmark.class, List.of(kernel.toString(), initrd.toString(), "child")),
                start);
    }

    private double qemu() throws IOException {
        long start = System.nanoTime();
        return awaitFirstLine(
                new ProcessBuilder(
                                "qemu-system-x86_64",
                                "-M",
                                "microvm",
                                "-enable-kvm",
                                "-cpu",
                                "host",
                                "-m",
                                String.valueOf(MEMORY_MIB),
                                "-nodefaults",
                                "-no-user-config",
                                "-display",
                                "none",
                                "-no-reboot",
                                "-serial",
                                "stdio",
                                "-kernel",
                                kernel.toString(),
                                "-initrd",
                                initrd.toString(),
                                "-append",
                                CMDLINE)
                        .redirectError(ProcessBuilder.Redirect.INHERIT)
                        .start(),
                start);
    }

    private static double awaitFirstLine(Process process, long start) throws IOException {
        try (BufferedReader out = process.inputReader()) {
            for (String line = out.readLine(); line != null; line = out.readLine()) {
                if (line.contains(FIRST_LINE)) return secondsSince(start);
            }
        } finally {
            process.destroyForcibly();
        }
        throw new IOException(process.info().command().orElse("the process") + " ended before its guest's init");
    }

    private static double secondsSince(long start) {
        return (System.nanoTime() - start) / NANOS_PER_SECOND;
    }
}
