package dev.microvm.bench;

import dev.microvm.MicroVm;
import dev.microvm.model.HypervisorChoice;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Locale;

/**
 * Time from {@link MicroVm#start} to init's first line, of the bundled kernel and of Debian's kernel
 * for virtual machines. In each round each kernel boots twice in a JVM of its own, so that there is a
 * first boot and a second one; the kernels take turns.
 *
 * <p>Arguments: {@code kvm} or {@code engine}, the bundled kernel, Debian's kernel, initrd whose init
 * prints {@value #FIRST_LINE}, rounds.
 */
public final class KernelBenchmark {
    private static final String CMDLINE = "console=ttyS0 quiet reboot=k panic=-1";

    /** Leaves out self-tests of ciphers, which the bundled kernel does not have. */
    private static final String NO_TESTS = " cryptomgr.notests";

    private static final String FIRST_LINE = "bench-init-runs";
    private static final String TOOK = "took ";
    private static final int MEMORY_MIB = 256;
    private static final Duration LIMIT = Duration.ofMinutes(4);
    private static final double NANOS_PER_SECOND = 1e9;
    private static final double MB = 1e6;

    private final String hypervisor;
    private final String initrd;

    private KernelBenchmark(String hypervisor, String initrd) {
        this.hypervisor = hypervisor;
        this.initrd = initrd;
    }

    /** Runs the benchmark and prints a table; in a child process, boots twice. */
    public static void main(String[] args) throws IOException {
        if (args[0].equals("child")) {
            HypervisorChoice choice = HypervisorChoice.valueOf(args[1].toUpperCase(Locale.ROOT));
            for (int i = 0; i < 2; i++) boot(choice, Path.of(args[2]), Path.of(args[3]), args[4]);
            return;
        }
        Path bundled = Path.of(args[1]);
        Path debian = Path.of(args[2]);
        new KernelBenchmark(args[0], args[3]).measure(bundled, debian, Integer.parseInt(args[4]));
    }

    private record Boots(Samples first, Samples second) {
        Boots() {
            this(new Samples(), new Samples());
        }
    }

    private void measure(Path bundled, Path debian, int rounds) throws IOException {
        Boots ours = new Boots();
        Boots theirs = new Boots();
        for (int i = 0; i < rounds; i++) {
            bootTwice(bundled, CMDLINE, ours);
            bootTwice(debian, CMDLINE + NO_TESTS, theirs);
        }
        Table table = new Table(
                "seconds from start() to init's first line",
                "bundled",
                "Debian",
                "bundled/Debian",
                "all, bundled; Debian");
        row(table, "first boot of a JVM", ours.first, theirs.first);
        row(table, "second boot", ours.second, theirs.second);
        System.out.printf(
                Locale.ROOT,
                "### Kernels on %s%n%nMedians of %d rounds; `%s`, for Debian `%s`; 1 vCPU, %d MiB. bzImages of %.1f and %.1f MB.%n%n%s%n",
                hypervisor.equals("kvm") ? "KVM" : "the engine",
                rounds,
                CMDLINE,
                CMDLINE + NO_TESTS,
                MEMORY_MIB,
                Files.size(bundled) / MB,
                Files.size(debian) / MB,
                table);
    }

    private static void row(Table table, String name, Samples ours, Samples theirs) {
        table.row(
                name,
                Samples.text("%.2f", ours.median()),
                Samples.text("%.2f", theirs.median()),
                Samples.text("%.2f", ours.over(theirs).median()),
                ours.all("%.2f") + "; " + theirs.all("%.2f"));
    }

    private void bootTwice(Path kernel, String cmdline, Boots boots) throws IOException {
        List<String> arguments = List.of("child", hypervisor, kernel.toString(), initrd, cmdline);
        try (GuestProcess run = new GuestProcess(ChildJvm.builder(List.of(), KernelBenchmark.class, arguments))) {
            boots.first.add(seconds(run.await(TOOK)));
            boots.second.add(seconds(run.await(TOOK)));
        }
    }

    private static double seconds(GuestProcess.Mark mark) {
        return Double.parseDouble(mark.line().substring(TOOK.length()));
    }

    /** Boots once and prints the time that it took. */
    private static void boot(HypervisorChoice hypervisor, Path kernel, Path initrd, String cmdline) {
        try (MicroVm vm = MicroVm.builder()
                .hypervisor(hypervisor)
                .kernel(kernel)
                .initrd(initrd)
                .cmdline(cmdline)
                .memoryMiB(MEMORY_MIB)
                .build()) {
            long start = System.nanoTime();
            vm.start().console().awaitText(FIRST_LINE, LIMIT);
            System.out.println(TOOK + (System.nanoTime() - start) / NANOS_PER_SECOND);
        }
    }
}
