package dev.microvm.sandbox;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.TestMachine;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.OutputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A machine without a socket device: the agent is reached over a port of the virtio console. */
@Lanes.Kernels
@Timeout(60)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ConsoleAgentTest {
    private static final int BYTES = 1 << 20;

    @SuppressWarnings("NullAway.Init") // set by start
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private Sandbox sandbox;

    @BeforeAll
    void start(@TempDir Path temporary) throws IOException {
        folder = temporary;
        sandbox = Sandbox.builder()
                .hypervisor(TestMachine.onEngine() ? HypervisorChoice.ENGINE : HypervisorChoice.KVM)
                .kernel(GuestFiles.bundledKernel())
                .root(Root.directory(AgentGuest.tree(folder)))
                .agentOver(AgentTransport.CONSOLE)
                .startTimeout(Duration.ofMinutes(3))
                .start();
    }

    @AfterAll
    void end() {
        sandbox.close();
    }

    @Test
    void runsCommands_manyAtOnce() throws Exception {
        assertThatExceptionOfType(IllegalStateException.class)
                .isThrownBy(() -> sandbox.machine().vsock());
        assertThat(sandbox.exec("sh", "-c", "echo out; echo err >&2; exit 7"))
                .isEqualTo(new ExecResult(7, "out\n", "err\n"));
        List<Callable<String>> tasks = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            String number = Integer.toString(i);
            tasks.add(() -> sandbox.exec(Command.of("cat").input(number)).stdout());
        }
        try (ExecutorService threads = Executors.newVirtualThreadPerTaskExecutor()) {
            List<Future<String>> results = threads.invokeAll(tasks);
            for (int i = 0; i < 50; i++) assertThat(results.get(i).get()).isEqualTo("" + i);
        }
    }

    @Test
    void carriesMuchBothWays_whileAnotherCommandWaits() throws Exception {
        GuestProcess unread = sandbox.start(Command.of("yes"));
        GuestProcess cat = sandbox.start(Command.of("cat"));
        byte[] sent = "0123456789abcdef".repeat(BYTES / 16).getBytes(UTF_8);
        Thread writer = Thread.ofPlatform().start(() -> {
            try (OutputStream stdin = cat.getOutputStream()) {
                stdin.write(sent);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });

        assertThat(cat.getInputStream().readAllBytes()).isEqualTo(sent);
        writer.join();
        unread.destroyForcibly();
        assertThat(unread.waitFor()).isEqualTo(137);
    }

    @Test
    void copiesFiles_andForwardsPorts() throws Exception {
        Path tree = Files.createDirectories(folder.resolve("in"));
        for (int i = 0; i < 20; i++) Files.writeString(tree.resolve("f" + i), "content " + i);
        sandbox.copyIn(tree, "/copied");
        sandbox.copyOut("/copied", folder.resolve("back"));
        assertThat(folder.resolve("back/f19")).hasContent("content 19");

        GuestProcess server = sandbox.start(Command.shell("nc -l -p 8099 -e cat"));
        try (PortForward forward = sandbox.forward(8099)) {
            WaitFor.exec(Command.shell("grep -q :1FA3 /proc/net/tcp /proc/net/tcp6"))
                    .await(sandbox.agent(), Duration.ofMinutes(1));
            try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), forward.port())) {
                socket.getOutputStream().write("word\n".getBytes(UTF_8));
                socket.shutdownOutput();
                assertThat(new String(socket.getInputStream().readAllBytes(), UTF_8))
                        .isEqualTo("word\n");
            }
        }
        assertThat(server.waitFor()).isZero();
    }

    @Test
    void endsOnlyTheConnection_whoseProcessIsKilled() {
        Limits limits = Limits.NONE.wallTime(Duration.ofMinutes(1));
        RunResult result = sandbox.run(Command.shell("echo begun; kill -KILL $PPID; sleep 100"), limits);

        assertThat(result.end()).isEqualTo(RunResult.End.CRASHED);
        assertThat(sandbox.exec("echo", "well").stdout()).isEqualTo("well\n");
    }

    @Test
    void aForkHasConnectionsOfItsOwn() {
        GuestProcess here = sandbox.start(Command.of("cat"));
        try (Sandbox fork = sandbox.fork()) {
            assertThat(fork.exec("echo", "there").stdout()).isEqualTo("there\n");
            assertThat(sandbox.exec("echo", "here").stdout()).isEqualTo("here\n");
        }
        here.destroyForcibly();
    }
}
