package dev.microvm.bench;

import dev.microvm.MicroVm;
import dev.microvm.boot.Initramfs;
import dev.microvm.limits.JvmBudgets;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.ResetAction;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.lang.management.MemoryMXBean;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;

/**
 * How long Linux on the engine takes to answer a line on its console, beside a hostile guest in the
 * same JVM ({@code hostile.S}), with a small heap.
 *
 * <p>Arguments: hostile kernel, Linux as bzImage, a static busybox, seconds for each hostile guest.
 */
public final class NeighbourBenchmark {
    private static final String HEAP = "-Xmx512m";
    private static final int MEMORY_MIB = 256;
    private static final int FRIENDS_VCPUS = 2;
    private static final Duration LIMIT = Duration.ofMinutes(2);
    private static final Duration PAUSE = Duration.ofMillis(100); // between an answer and the next question
    private static final int HEAP_LOOKS = 50; // questions between two looks at the heap
    private static final double NANOS_PER_MILLI = 1e6;
    private static final String READY = "friend-is-ready";
    private static final String INIT = """
            #!/bin/busybox sh
            echo %s
            while read line; do echo answer-$line; done
            """.formatted(READY);

    private NeighbourBenchmark() {}

    /** Runs the benchmark, each hostile guest in a process of its own. */
    public static void main(String[] args) throws IOException, InterruptedException {
        if (args[0].equals("child")) {
            measure(args);
            return;
        }
        System.out.printf(
                "### Beside a hostile guest%n%n%s, %d vCPUs and %d MiB for each Linux, %s s each; times in ms.%n%n%s%n",
                HEAP,
                FRIENDS_VCPUS,
                MEMORY_MIB,
                args[3],
                "| hostile guest | answers | median | 99 % | longest | most heap after GC, MiB | most translations, MiB |\n"
                        + "|---|---|---|---|---|---|---|");
        for (String hostile : new String[] {"nobody", "translations", "patches", "resets", "console"}) {
            List<String> arguments = new ArrayList<>(List.of("child", hostile));
            arguments.addAll(List.of(args));
            Process child = ChildJvm.builder(List.of(HEAP), NeighbourBenchmark.class, arguments)
                    .redirectOutput(ProcessBuilder.Redirect.INHERIT)
                    .start();
            if (child.waitFor() != 0) throw new IllegalStateException("beside " + hostile + ": see above");
        }
    }

    /** Prints a row. Arguments: child, name of the hostile guest, those of {@link #main}. */
    private static void measure(String[] args) throws InterruptedException {
        try (MicroVm friend = linux(Path.of(args[3]), Path.of(args[4]))) {
            friend.console().awaitText(READY, LIMIT);
            if (args[1].equals("nobody")) {
                ask(args, friend);
                return;
            }
            try (MicroVm hostile = MicroVm.builder()
                    .name("hostile")
                    .hypervisor(HypervisorChoice.ENGINE)
                    .kernel(Path.of(args[2]))
                    .cmdline(args[1])
                    .memoryMiB(MEMORY_MIB)
                    .onReset(ResetAction.RESTART)
                    .restartLimit(100_000, Duration.ofMinutes(1))
                    .start()) {
                ask(args, friend);
                if (hostile.exitReport().isPresent()) {
                    throw new IllegalStateException(
                            "it ended: " + hostile.exitReport().get());
                }
            }
        }
    }

    private static MicroVm linux(Path kernel, Path busybox) {
        Initramfs initramfs = Initramfs.builder()
                .file("/bin/busybox", busybox, 0755)
                .init(INIT)
                .build();
        return MicroVm.builder()
                .name("friend")
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(kernel)
                .initrd(initramfs)
                .cmdline("console=ttyS0 quiet cryptomgr.notests")
                .memoryMiB(MEMORY_MIB)
                .vcpus(FRIENDS_VCPUS)
                .start();
    }

    private static void ask(String[] args, MicroVm friend) throws InterruptedException {
        MemoryMXBean memory = ManagementFactory.getMemoryMXBean();
        List<Double> millis = new ArrayList<>();
        long mostHeap = 0;
        long mostTranslated = 0;
        long end =
                System.nanoTime() + Duration.ofSeconds(Long.parseLong(args[5])).toNanos();
        for (int i = 0; System.nanoTime() < end; i++) {
            long asked = System.nanoTime();
            friend.console().type(i + "\n");
            friend.console().awaitText("answer-" + i + "\r\n", LIMIT);
            millis.add((System.nanoTime() - asked) / NANOS_PER_MILLI);
            mostTranslated = Math.max(mostTranslated, JvmBudgets.translations().used());
            if (i % HEAP_LOOKS == 0) {
                memory.gc();
                mostHeap = Math.max(mostHeap, memory.getHeapMemoryUsage().getUsed());
            }
            Thread.sleep(PAUSE);
        }
        Collections.sort(millis);
        System.out.printf(
                "| %s | %d | %.1f | %.1f | %.1f | %d | %d |%n",
                args[1],
                millis.size(),
                millis.get(millis.size() / 2),
                millis.get(millis.size() * 99 / 100),
                millis.getLast(),
                mostHeap >> 20,
                mostTranslated >> 20);
    }
}
