package dev.microvm.bench;

import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.Command;
import dev.microvm.sandbox.GuestProcess;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.SandboxBuilder;
import dev.microvm.sandbox.root.Root;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.lang.management.ThreadMXBean;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.Arrays;

/**
 * Sandboxes: from {@code start()} to the first command's result, a command's round trip, and copies.
 * Arguments: {@code kvm} or {@code engine}, a kernel with all drivers built in, a static busybox, the
 * program {@code true.S}, rounds.
 */
public final class ExecBenchmark {
    private static final int WARM_UP = 2000; // commands
    private static final int BATCH = 500; // commands of a round
    private static final int STREAM_MIB = 64;
    private static final int TREE_FILES = 2000;
    private static final double MILLION = 1e6;

    private final HypervisorChoice hypervisor;
    private final Path kernel;
    private final Path root;
    private final int rounds;
    private final ThreadMXBean threads = ManagementFactory.getThreadMXBean();

    private ExecBenchmark(HypervisorChoice hypervisor, Path kernel, Path root, int rounds) {
        this.hypervisor = hypervisor;
        this.kernel = kernel;
        this.root = root;
        this.rounds = rounds;
    }

    /** Runs the benchmark. */
    public static void main(String[] args) throws Exception {
        Path folder = Files.createTempDirectory("microvm-exec");
        Path bin = Files.createDirectories(folder.resolve("root/bin"));
        program(Path.of(args[2]), bin.resolve("busybox"));
        program(Path.of(args[3]), bin.resolve("true-alone"));
        for (String each : new String[] {"sh", "true", "cat", "dd", "rm"}) {
            Files.createSymbolicLink(bin.resolve(each), Path.of("busybox"));
        }
        HypervisorChoice choice = args[0].equals("kvm") ? HypervisorChoice.KVM : HypervisorChoice.ENGINE;
        new ExecBenchmark(choice, Path.of(args[1]), folder.resolve("root"), Integer.parseInt(args[4])).run(folder);
    }

    /** Puts a program into a root. */
    static void program(Path from, Path to) throws IOException {
        Files.setPosixFilePermissions(Files.copy(from, to), PosixFilePermissions.fromString("rwxr-xr-x"));
    }

    private void run(Path folder) throws Exception {
        Table table = new Table("what", "median", "highest");
        long[] starts = new long[rounds];
        for (int i = 0; i < rounds; i++) {
            long begin = System.nanoTime();
            try (Sandbox sandbox = sandbox().start()) {
                sandbox.exec("/bin/true-alone");
                starts[i] = System.nanoTime() - begin;
            }
        }
        table.row("start() to the first result, first in this JVM", ms(starts[0]), "");
        table.row(
                "start() to the first result",
                ms(median(starts)),
                ms(Arrays.stream(starts).max().orElse(0)));
        try (Sandbox sandbox = sandbox().start()) {
            for (int i = 0; i < WARM_UP; i++) sandbox.exec("/bin/true-alone");
            roundTrip(table, sandbox, "/bin/true-alone");
            roundTrip(table, sandbox, "/bin/true");
            roundTrip(table, sandbox, "/bin/sh", "-c", "true");
            copies(table, sandbox, folder);
        }
        System.out.printf("### Commands in a sandbox, %s%n%n%s%n", hypervisor, table);
    }

    private SandboxBuilder sandbox() {
        return Sandbox.builder()
                .hypervisor(hypervisor)
                .kernel(kernel)
                .root(Root.directory(root))
                .name("exec");
    }

    private void roundTrip(Table table, Sandbox sandbox, String program, String... arguments) {
        long[] times = new long[rounds * BATCH];
        long busy = 0;
        Command command = Command.of(program, arguments);
        for (int i = -BATCH; i < times.length; i++) {
            if (i == 0) busy = vcpuTime();
            long begin = System.nanoTime();
            sandbox.exec(command);
            if (i >= 0) times[i] = System.nanoTime() - begin;
        }
        long used = (vcpuTime() - busy) / times.length;
        Arrays.sort(times);
        table.row(
                "exec " + command + " (%s of it on the vCPU)".formatted(ms(used)),
                ms(times[times.length / 2]),
                ms(times[times.length * 99 / 100]) + " (99 %)");
    }

    private long vcpuTime() {
        return Arrays.stream(threads.getThreadInfo(threads.getAllThreadIds()))
                .filter(each -> each != null && each.getThreadName().contains("-vcpu-"))
                .mapToLong(each -> threads.getThreadCpuTime(each.getThreadId()))
                .sum();
    }

    private void copies(Table table, Sandbox sandbox, Path folder) throws Exception {
        long begin = System.nanoTime();
        GuestProcess source = sandbox.start(Command.of("dd", "if=/dev/zero", "bs=64k", "count=" + STREAM_MIB * 16));
        long bytes = drain(source.getInputStream());
        table.row("standard output of %d MiB".formatted(STREAM_MIB), rate(bytes, begin), "");

        begin = System.nanoTime();
        GuestProcess sink = sandbox.start(Command.shell("cat > /dev/null"));
        byte[] block = new byte[1 << 16];
        try (OutputStream stdin = sink.getOutputStream()) {
            for (int i = 0; i < STREAM_MIB * 16; i++) stdin.write(block);
        }
        sink.waitFor();
        table.row("standard input of %d MiB".formatted(STREAM_MIB), rate((long) STREAM_MIB << 20, begin), "");

        Path tree = Files.createDirectory(folder.resolve("tree"));
        for (int i = 0; i < TREE_FILES; i++) Files.write(tree.resolve("file" + i), new byte[4096]);
        begin = System.nanoTime();
        sandbox.copyIn(tree, "/tmp/tree");
        table.row("a tree of %d files of 4 KiB in".formatted(TREE_FILES), files(begin), "");
        begin = System.nanoTime();
        sandbox.copyOut("/tmp/tree", folder.resolve("back"));
        table.row("the same tree out", files(begin), "");
    }

    private static long drain(InputStream in) throws IOException {
        byte[] buffer = new byte[1 << 16];
        long all = 0;
        for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) all += n;
        return all;
    }

    private static String rate(long bytes, long begin) {
        return "%.0f MB/s".formatted(bytes / 1e6 / ((System.nanoTime() - begin) / 1e9));
    }

    private static String files(long begin) {
        return "%.0f files/s".formatted(TREE_FILES / ((System.nanoTime() - begin) / 1e9));
    }

    private static long median(long[] times) {
        long[] sorted = times.clone();
        Arrays.sort(sorted);
        return sorted[sorted.length / 2];
    }

    private static String ms(long nanos) {
        return "%.2f ms".formatted(nanos / MILLION);
    }
}
