package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.RunResult.End;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.DigestOutputStream;
import java.security.MessageDigest;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Stream;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * What guests do to hosts, on any kernel: much data, many commands, and programs that take what they
 * can get. Nothing of it stays in the JVM. {@code microvm.streamMiB}, {@code microvm.execs} and
 * {@code microvm.treeFiles} make it more.
 */
@Lanes.Kernels
@Lanes.TakesLong
@Timeout(1800)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
abstract class SandboxUnderLoad {
    private static final int STREAM_MIB = Integer.getInteger("microvm.streamMiB", 16);
    private static final int EXECS = Integer.getInteger("microvm.execs", 200);
    private static final int TREE_FILES = Integer.getInteger("microvm.treeFiles", 500);
    private static final int AT_ONCE = 50;
    private static final Duration SOON = Duration.ofMinutes(2);
    private static final Limits LIMITS = Limits.NONE.wallTime(SOON);
    private static final long HEAP_MARGIN = 32L << 20; // bytes; a leak of each command's output would be more
    private static final int MARGIN = 4; // threads and descriptors that the JVM itself makes now and then

    @SuppressWarnings("NullAway.Init") // set by start
    private Sandbox sandbox;

    /** Names the kernel. */
    abstract SandboxBuilder on(SandboxBuilder builder, Path folder) throws IOException;

    @BeforeAll
    void start(@TempDir Path folder) throws IOException {
        sandbox = on(Sandbox.builder(), folder)
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .root(Root.directory(AgentGuest.tree(folder)))
                .diskMiB(32)
                .startTimeout(Duration.ofMinutes(3))
                .start();
    }

    @AfterAll
    void end() {
        sandbox.close();
    }

    @Test
    void carriesAGigabyteBothWays_unchanged() throws Exception {
        GuestProcess cat = sandbox.start(Command.of("cat"));
        MessageDigest sent = MessageDigest.getInstance("SHA-256");
        MessageDigest received = MessageDigest.getInstance("SHA-256");
        Thread writer = Thread.ofPlatform().start(() -> {
            try (OutputStream stdin = new DigestOutputStream(cat.getOutputStream(), sent)) {
                Random random = new Random(1);
                byte[] block = new byte[1 << 20];
                for (int i = 0; i < STREAM_MIB; i++) {
                    random.nextBytes(block);
                    stdin.write(block);
                }
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });
        long bytes;
        try (InputStream stdout = cat.getInputStream();
                OutputStream digest = new DigestOutputStream(OutputStream.nullOutputStream(), received)) {
            bytes = stdout.transferTo(digest);
        }
        writer.join();

        assertThat(bytes).isEqualTo((long) STREAM_MIB << 20);
        assertThat(received.digest()).isEqualTo(sent.digest());
        assertThat(cat.waitFor()).isZero();
    }

    @Test
    void boundsAndReportsWhatTakesAll() {
        assertEnd(End.PROCESS_LIMIT, "f() { f | f & }; f; sleep 100", LIMITS.processes(30));
        assertEnd(End.OUTPUT_LIMIT, "yes", LIMITS.outputBytes(100_000));
        assertEnd(End.OOM, "x=$(yes)", LIMITS.memoryMiB(16).outputBytes(1000));
        assertEnd(End.WALL_LIMIT, "trap '' TERM; sleep 1000", LIMITS.wallTime(Duration.ofMillis(300)));
        assertThat(sandbox.run(Command.shell("dd if=/dev/zero of=/big bs=1M count=100; rm /big"), LIMITS)
                        .stderr())
                .contains("No space left on device");
        assertThat(sandbox.exec("echo", "well").stdout()).isEqualTo("well\n");
    }

    @Test
    void collectsFiles_andSaysWhichAreMissing() {
        Command command = Command.shell("printf result > /tmp/a; head -c 200000 /dev/zero > /tmp/big; mkfifo /tmp/pipe")
                .collect("/tmp/a", "/none", "/tmp/big", "/tmp/pipe");

        RunResult result = sandbox.run(command, LIMITS.outputBytes(100_000));

        assertThat(result.files()).containsOnlyKeys("/tmp/a", "/tmp/pipe");
        assertThat(result.files().get("/tmp/a")).asString().isEqualTo("result");
        assertThat(result.detail())
                .contains("/none was not collected: No such file")
                .contains("/tmp/big was not collected: more bytes than");
    }

    @Test
    void runsFiftyCommandsAtOnce() throws Exception {
        List<Callable<String>> tasks = new ArrayList<>();
        for (int i = 0; i < AT_ONCE; i++) {
            String number = Integer.toString(i);
            tasks.add(() -> sandbox.exec(Command.of("cat").input(number)).stdout());
        }
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<String>> results = threads.invokeAll(tasks);
            for (int i = 0; i < AT_ONCE; i++) assertThat(results.get(i).get()).isEqualTo(Integer.toString(i));
        }
    }

    @Test
    void carriesATreeBothWays_unchanged(@TempDir Path folder) throws IOException {
        Path tree = folder.resolve("tree");
        for (int i = 0; i < TREE_FILES; i++) {
            Path parent = Files.createDirectories(tree.resolve("d" + i % 100));
            Files.writeString(parent.resolve("file" + i), "content " + i);
        }
        sandbox.copyIn(tree, "/tmp/tree");
        sandbox.copyOut("/tmp/tree", folder.resolve("back"));
        sandbox.agent().removeTree("/tmp/tree");

        assertThat(contents(folder.resolve("back"))).hasSize(TREE_FILES).isEqualTo(contents(tree));
    }

    private static Map<String, String> contents(Path tree) throws IOException {
        Map<String, String> all = new HashMap<>();
        try (Stream<Path> files = Files.walk(tree)) {
            for (Path file : files.filter(Files::isRegularFile).toList()) {
                all.put(tree.relativize(file).toString(), Files.readString(file));
            }
        }
        return all;
    }

    /** The command's parent is the process of the agent that serves it. */
    @Test
    void outlivesTheDeathOfAnAgentsProcess() {
        RunResult result = sandbox.run(Command.shell("echo begun; kill -KILL $PPID; sleep 100"), LIMITS);

        assertThat(result.end()).isEqualTo(End.CRASHED);
        assertThat(result.detail()).contains("connection");
        assertThat(sandbox.exec("echo", "well").stdout()).isEqualTo("well\n");
    }

    @Test
    void leavesNothingInTheJvm() throws IOException {
        work(EXECS / 4 + 1);
        Holdings before = Holdings.now();
        work(EXECS);
        Holdings after = Holdings.now();

        assertThat(after.heap()).as("heap, %s", before).isLessThan(before.heap() + HEAP_MARGIN);
        assertThat(after.threads()).as("threads, %s", before).isLessThanOrEqualTo(before.threads() + MARGIN);
        assertThat(after.descriptors())
                .as("descriptors, %s", before)
                .isLessThanOrEqualTo(before.descriptors() + MARGIN);
    }

    private void work(int commands) {
        for (int i = 0; i < commands; i++) {
            assertThat(sandbox.exec("echo", "number " + i).stdout()).isEqualTo("number " + i + "\n");
            if (i % 50 == 0) assertEnd(End.OUTPUT_LIMIT, "yes", LIMITS.outputBytes(1 << 20));
            if (i % 50 == 1) assertEnd(End.SIGNAL, "kill -KILL $$", LIMITS);
        }
    }

    private void assertEnd(End end, String line, Limits limits) {
        RunResult result = sandbox.run(Command.shell(line), limits);
        assertThat(result.end()).as("%s: %s", line, result.detail()).isEqualTo(end);
    }

    /** What this JVM holds after a garbage collection. */
    private record Holdings(long heap, int threads, long descriptors) {
        static Holdings now() throws IOException {
            System.gc();
            try (Stream<Path> open = Files.list(Path.of("/proc/self/fd"))) {
                return new Holdings(
                        ManagementFactory.getMemoryMXBean().getHeapMemoryUsage().getUsed(),
                        ManagementFactory.getThreadMXBean().getThreadCount(),
                        open.count());
            }
        }
    }
}
