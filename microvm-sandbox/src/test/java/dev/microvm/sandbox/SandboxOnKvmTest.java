package dev.microvm.sandbox;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.RunResult.End;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.SplittableRandom;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** What a sandbox does, on KVM: one start for all tests, some 40 seconds in an emulated machine. */
@Lanes.Lab
@Timeout(300)
final class SandboxOnKvmTest {
    private static final Limits LIMITS = Limits.NONE.wallTime(Duration.ofMinutes(2));

    @TempDir
    private static Path folder;

    private static Path shared;
    private static Sandbox sandbox;

    @BeforeAll
    static void start() throws IOException {
        shared = Files.createDirectory(folder.resolve("shared"));
        sandbox = Sandbox.builder()
                .hypervisor(HypervisorChoice.KVM)
                .kernel(GuestFiles.bundledKernel())
                .root(Root.directory(AgentGuest.tree(folder)))
                .share(shared, "/shared")
                .startTimeout(Duration.ofMinutes(3))
                .start();
    }

    @AfterAll
    static void end() {
        sandbox.close();
    }

    private static byte[] content(int bytes) {
        byte[] content = new byte[bytes];
        new SplittableRandom(1).nextBytes(content);
        return content;
    }

    @Test
    void runsCommands() {
        assertThat(sandbox.machine().hypervisor()).isEqualTo("kvm");
        assertThat(sandbox.exec("sh", "-c", "echo out; echo err >&2; exit 7"))
                .isEqualTo(new ExecResult(7, "out\n", "err\n"));
    }

    @Test
    void carriesInputAndOutput() throws Exception {
        byte[] content = content(1 << 20);
        GuestProcess cat = sandbox.start(Command.of("cat"));
        Thread writer = Thread.ofVirtual().start(() -> {
            try (OutputStream stdin = cat.getOutputStream()) {
                stdin.write(content);
            } catch (IOException e) {
                throw new AssertionError(e);
            }
        });

        assertThat(cat.getInputStream().readAllBytes()).isEqualTo(content);
        writer.join();
        assertThat(cat.waitFor()).isZero();
    }

    @Test
    void copiesFilesBothWays() throws IOException {
        Path tree = folder.resolve("in");
        Files.write(Files.createDirectories(tree.resolve("sub")).resolve("file"), content(300_000));

        sandbox.copyIn(tree, "/tmp/tree");
        Files.writeString(sandbox.files().getPath("/tmp/tree/note"), "from the host\n");
        assertThat(sandbox.exec("cat", "/tmp/tree/note").stdout()).isEqualTo("from the host\n");
        sandbox.copyOut("/tmp/tree", folder.resolve("out"));

        assertThat(folder.resolve("out/sub/file")).hasBinaryContent(content(300_000));
        assertThat(folder.resolve("out/note")).hasContent("from the host");
    }

    @Test
    void keepsLimits() {
        assertThat(sandbox.run(Command.shell("sleep 1000"), Limits.NONE.wallTime(Duration.ofMillis(500)))
                        .end())
                .isEqualTo(End.WALL_LIMIT);
        assertThat(sandbox.run(Command.shell("f() { f | f & }; f; sleep 100"), LIMITS.processes(20))
                        .end())
                .isEqualTo(End.PROCESS_LIMIT);
        RunResult exited = sandbox.run(Command.shell("echo well; exit 137"), LIMITS);
        assertThat(exited.end()).isEqualTo(End.EXITED);
        assertThat(exited.stdout()).isEqualTo("well\n");
    }

    @Test
    void sharesADirectory() throws IOException {
        Files.write(shared.resolve("from-host"), content(500_000));

        ExecResult copied = sandbox.exec("sh", "-ec", "cd /shared; cp from-host from-guest; sync from-guest; ls");

        assertThat(copied).isEqualTo(new ExecResult(0, "from-guest\nfrom-host\n", ""));
        assertThat(shared.resolve("from-guest")).hasBinaryContent(content(500_000));
    }
}
