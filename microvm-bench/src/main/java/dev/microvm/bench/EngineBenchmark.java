package dev.microvm.bench;

import dev.microvm.MicroVm;
import dev.microvm.MicroVmBuilder;
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

/**
 * Compares the engine with TCG, QEMU's translator: the three loops of {@code loops.S}, and Linux
 * from the start of a process to init's first line. Both run the same files in turn, each time in a
 * new process. On Java 25, Linux also boots with an ahead-of-time cache (JEP 483 and 515), which an
 * earlier boot has filled with classes and profiles.
 *
 * <p>Then programs in Linux, on one and on two vCPUs.
 *
 * <p>Arguments: the loops' kernel, Linux as bzImage, initrd whose init prints {@value #FIRST_LINE},
 * initrd whose init prints a line with {@value #MARK} after each program, rounds; then, to run only
 * one part, {@code loops}, {@code boot} or {@code programs}.
 */
public final class EngineBenchmark {
    private static final String FIRST_LINE = "bench-init-runs";
    private static final String CMDLINE = "console=ttyS0 reboot=k panic=-1";
    private static final String NO_TESTS = " cryptomgr.notests";
    private static final String MARK = "@";
    private static final String LAST_PROGRAM = "sort";
    private static final int MEMORY_MIB = 256;
    private static final int PROGRAMS_MIB = 768; // its initrd has 100
    private static final int MOST_CPUS = 2;
    private static final Duration LIMIT = Duration.ofMinutes(20);
    private static final int JAVA_WITH_CACHE = 25;
    private static final double MILLION = 1e6;

    private final String program;
    private final String bzImage;
    private final String initrd;
    private final String programs;
    private final int rounds;

    private EngineBenchmark(String[] args) {
        program = args[0];
        bzImage = args[1];
        initrd = args[2];
        programs = args[3];
        rounds = Integer.parseInt(args[4]);
    }

    /** Runs the benchmark and prints tables; in a child process, runs one guest. */
    public static void main(String[] args) throws IOException {
        if (args[0].equals("child")) {
            runGuest(args);
            return;
        }
        EngineBenchmark benchmark = new EngineBenchmark(args);
        String part = args.length > 5 ? args[5] : "";
        if (part.isEmpty() || part.equals("loops")) benchmark.loops();
        if (part.isEmpty() || part.equals("boot")) benchmark.boots();
        if (part.isEmpty() || part.equals("programs")) benchmark.programs();
    }

    // The loops

    private void loops() throws IOException {
        Map<String, Loop> ours = new LinkedHashMap<>();
        Map<String, Loop> theirs = new LinkedHashMap<>();
        for (int i = 0; i < rounds; i++) {
            runLoops(ours(List.of(), program), ours);
            runLoops(qemu(program), theirs);
        }
        Table table = new Table("loop", "ours, M/s", "QEMU TCG, M/s", "ours, M/s CPU", "TCG, M/s CPU", "TCG/ours, CPU");
        ours.forEach((name, our) -> {
            Loop their = Objects.requireNonNull(theirs.get(name));
            table.row(
                    name,
                    Samples.text("%.0f", our.wall.median()),
                    Samples.text("%.0f", their.wall.median()),
                    Samples.text("%.0f", our.cpu.median()),
                    Samples.text("%.0f", their.cpu.median()),
                    Samples.text("%.1f", their.cpu.over(our.cpu).median()));
        });
        System.out.printf(
                "### Loops%n%nMedians of %d rounds, million guest instructions per second.%n%n%s%n", rounds, table);
    }

    /** Million instructions per second of a loop. */
    private static final class Loop {
        final Samples wall = new Samples();
        final Samples cpu = new Samples();
    }

    /** Measures the time from each line that announces a loop to the next line. */
    private static void runLoops(ProcessBuilder guest, Map<String, Loop> loops) throws IOException {
        try (GuestProcess run = new GuestProcess(guest)) {
            GuestProcess.Mark mark = run.await(" ");
            while (!mark.line().startsWith("end")) {
                String[] words = mark.line().strip().split(" ", 2);
                GuestProcess.Mark after = run.await(" ");
                long instructions = Long.parseLong(words[1]);
                if (instructions != 0) {
                    Loop loop = loops.computeIfAbsent(words[0], name -> new Loop());
                    loop.wall.add(instructions / MILLION / (after.seconds() - mark.seconds()));
                    loop.cpu.add(instructions / MILLION / (after.cpuSeconds() - mark.cpuSeconds()));
                }
                mark = after;
            }
        }
    }

    // Linux

    private void boots() throws IOException {
        Path vmlinux = Files.createTempFile("microvm-bench", ".vmlinux");
        Path cache = Files.createTempFile("microvm-bench", ".aot");
        try {
            KernelImage.open(Path.of(bzImage)).writeVmlinux(vmlinux);
            List<String> cached = fill(cache, vmlinux);
            Table table = new Table(
                    "kernel, command line",
                    "ours, s",
                    "ours, cache, s",
                    "QEMU TCG, s",
                    "ours/TCG",
                    "cache/TCG",
                    "ours, s CPU",
                    "cache, s CPU",
                    "TCG, s CPU",
                    "all rounds, ours; cache; TCG");
            for (String options : new String[] {NO_TESTS, ""}) {
                boot("vmlinux" + options, table, cached, vmlinux.toString(), options);
                boot("bzImage" + options, table, cached, bzImage, options);
            }
            System.out.printf(
                    "### Boot on the engine%n%nMedians of %d rounds; `%s` and what is named; 1 vCPU, %d MiB.%n%n%s%n",
                    rounds, CMDLINE, MEMORY_MIB, table);
        } finally {
            Files.delete(vmlinux);
            Files.deleteIfExists(cache);
        }
    }

    /**
     * Fills a cache by one boot. Returns the options that use it; none if this Java has no such
     * cache.
     */
    private List<String> fill(Path cache, Path kernel) throws IOException {
        if (Runtime.version().feature() < JAVA_WITH_CACHE) return List.of();
        List<String> recording = List.of("-XX:AOTCacheOutput=" + cache);
        ProcessBuilder guest = ours(recording, kernel.toString(), initrd, CMDLINE);
        try (GuestProcess run = new GuestProcess(
                guest.redirectError(ProcessBuilder.Redirect.DISCARD))) { // says which options it passes on
            run.awaitEnd();
        }
        return List.of("-XX:AOTCache=" + cache);
    }

    private void boot(String name, Table table, List<String> cached, String kernel, String options) throws IOException {
        Samples ours = new Samples();
        Samples oursCpu = new Samples();
        Samples quick = new Samples();
        Samples quickCpu = new Samples();
        Samples theirs = new Samples();
        Samples theirsCpu = new Samples();
        for (int i = 0; i < rounds; i++) {
            String cmdline = CMDLINE + options;
            boot(ours(List.of(), kernel, initrd, cmdline), ours, oursCpu);
            boot(ours(cached, kernel, initrd, cmdline), quick, quickCpu);
            boot(qemu(kernel, "-initrd", initrd, "-append", cmdline), theirs, theirsCpu);
        }
        table.row(
                name,
                Samples.text("%.2f", ours.median()),
                Samples.text("%.2f", quick.median()),
                Samples.text("%.2f", theirs.median()),
                Samples.text("%.2f", ours.over(theirs).median()),
                Samples.text("%.2f", quick.over(theirs).median()),
                Samples.text("%.2f", oursCpu.median()),
                Samples.text("%.2f", quickCpu.median()),
                Samples.text("%.2f", theirsCpu.median()),
                ours.all("%.2f") + "; " + quick.all("%.2f") + "; " + theirs.all("%.2f"));
    }

    private static void boot(ProcessBuilder guest, Samples seconds, Samples cpuSeconds) throws IOException {
        try (GuestProcess run = new GuestProcess(guest)) {
            GuestProcess.Mark init = run.await(FIRST_LINE);
            seconds.add(init.seconds());
            cpuSeconds.add(init.cpuSeconds());
        }
    }

    // Programs

    private void programs() throws IOException {
        for (int cpus = 1; cpus <= MOST_CPUS; cpus++) {
            String cmdline = CMDLINE + " quiet" + NO_TESTS;
            String mib = String.valueOf(PROGRAMS_MIB);
            String count = String.valueOf(cpus);
            Map<String, Program> ours = new LinkedHashMap<>();
            Map<String, Program> theirs = new LinkedHashMap<>();
            for (int i = 0; i < rounds; i++) {
                runPrograms(ours(List.of(), bzImage, programs, cmdline, mib, count), ours);
                ProcessBuilder qemu = qemu(bzImage, "-initrd", programs, "-append", cmdline, "-m", mib, "-smp", count);
                runPrograms(qemu, theirs);
            }
            Table table = new Table("program", "ours, s", "QEMU TCG, s", "ours/TCG", "ours, s CPU", "TCG, s CPU");
            ours.forEach((name, our) -> {
                Program their = Objects.requireNonNull(theirs.get(name));
                table.row(
                        name,
                        Samples.text("%.2f", our.wall.median()),
                        Samples.text("%.2f", their.wall.median()),
                        Samples.text("%.2f", our.wall.over(their.wall).median()),
                        Samples.text("%.2f", our.cpu.median()),
                        Samples.text("%.2f", their.cpu.median()));
            });
            System.out.printf("### Programs, %d vCPU%n%nMedians of %d rounds.%n%n%s%n", cpus, rounds, table);
        }
    }

    /** Seconds that a program takes. */
    private static final class Program {
        final Samples wall = new Samples();
        final Samples cpu = new Samples();
    }

    /** Measures the time of each program: from the mark before it to its own. */
    private static void runPrograms(ProcessBuilder guest, Map<String, Program> programs) throws IOException {
        try (GuestProcess run = new GuestProcess(guest)) {
            GuestProcess.Mark before = run.await(MARK);
            for (String name = ""; !name.equals(LAST_PROGRAM); ) {
                GuestProcess.Mark after = run.await(MARK);
                name = after.line().substring(after.line().indexOf(MARK) + 1).strip();
                Program program = programs.computeIfAbsent(name, ignored -> new Program());
                program.wall.add(after.seconds() - before.seconds());
                program.cpu.add(after.cpuSeconds() - before.cpuSeconds());
                before = after;
            }
        }
    }

    // Guests

    private static ProcessBuilder ours(List<String> options, String... kernelInitrdCmdline) {
        List<String> arguments = new ArrayList<>(List.of("child"));
        arguments.addAll(List.of(kernelInitrdCmdline));
        return ChildJvm.builder(options, EngineBenchmark.class, arguments);
    }

    /**
     * Runs a guest in a child process. Arguments: kernel, initrd, command line, MiB, vCPUs; a kernel
     * alone needs none of the others, and Linux needs neither of the last two.
     */
    private static void runGuest(String[] args) {
        MicroVmBuilder builder = MicroVm.builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .irqchip(Irqchip.SPLIT)
                .memoryMiB(args.length > 4 ? Integer.parseInt(args[4]) : MEMORY_MIB)
                .vcpus(args.length > 4 ? Integer.parseInt(args[5]) : 1)
                .kernel(Path.of(args[1]))
                .serial(System.out);
        if (args.length > 2) builder.initrd(Path.of(args[2])).cmdline(args[3]);
        try (MicroVm vm = builder.start()) {
            vm.awaitExit(LIMIT);
        }
    }

    private static ProcessBuilder qemu(String kernel, String... more) {
        List<String> command = new ArrayList<>(List.of("qemu-system-x86_64", "-M", "pc", "-accel", "tcg"));
        command.addAll(List.of("-cpu", "max", "-m", String.valueOf(MEMORY_MIB), "-nodefaults", "-no-user-config"));
        command.addAll(List.of("-display", "none", "-no-reboot", "-serial", "stdio"));
        command.addAll(List.of("-device", "isa-debug-exit,iobase=0xf4,iosize=1", "-kernel", kernel));
        command.addAll(List.of(more));
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    }
}
