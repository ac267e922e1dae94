package dev.microvm.cli.control;

import static dev.microvm.cli.testing.Microvm.command;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cli.ExitCode;
import dev.microvm.cli.testing.Microvm;
import dev.microvm.cli.testing.Microvm.Result;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** One machine in the background, and the commands that reach it from other processes. */
@Lanes.Engine
@Timeout(300)
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
final class ControlEngineTest {
    @SuppressWarnings("NullAway.Init") // set by start
    private Path folder;

    @SuppressWarnings("NullAway.Init")
    private Microvm microvm;

    @BeforeAll
    void start(@TempDir Path temporary) throws Exception {
        folder = temporary;
        microvm = new Microvm(folder);
        Path root = Microvm.root(folder);
        Result started = microvm.run(command(
                root,
                List.of("-d", "--name", "work"),
                "sh",
                "-c",
                "echo begun; trap 'exit 0' TERM; while :; do sleep 1; done"));
        assertThat(started).isEqualTo(new Result(0, "work\n", ""));
    }

    @AfterAll
    void stop() throws Exception {
        Result stopped = microvm.run("stop", "work");

        assertThat(stopped).isEqualTo(new Result(0, "work\n", ""));
        assertThat(microvm.run("ps", "-q").out()).isEmpty();
        assertThat(folder.resolve("microvm/work.sock")).doesNotExist();
        assertThat(microvm.run("exec", "work", "true").err()).contains("no machine 'work' runs");
    }

    @Test
    void listsIt() throws Exception {
        assertThat(microvm.run("ps").out()).contains("work", "running", "engine", "256m", "echo begun");
        assertThat(microvm.run("ps", "--json").out()).contains("\"name\":\"work\"");
    }

    @Test
    void refusesASecondMachineOfTheName() throws Exception {
        Result second = microvm.run(command(folder.resolve("root"), List.of("-d", "--name", "work"), "true"));

        assertThat(second.exitCode()).isEqualTo(ExitCode.FAILED);
        assertThat(second.err()).contains("a machine 'work' runs already");
    }

    @Test
    void runsFurtherCommands() throws Exception {
        Result result = microvm.runWith("typed", "exec", "-i", "work", "sh", "-c", "cat; echo; echo err >&2; exit 3");

        assertThat(result).isEqualTo(new Result(3, "typed\n", "err\n"));
        assertThat(microvm.run("exec", "work", "--", "no-such").exitCode()).isEqualTo(ExitCode.NOT_FOUND);
    }

    @Test
    void copiesBothWays_asDockerDoes() throws Exception {
        Path tree = Files.createDirectories(folder.resolve("tree/sub"));
        Files.writeString(tree.resolve("file"), "content\n");

        assertThat(microvm.run("cp", folder.resolve("tree").toString(), "work:/tmp")
                        .exitCode())
                .isZero();
        assertThat(microvm.run("exec", "work", "cat", "/tmp/tree/sub/file").out())
                .isEqualTo("content\n");
        Path back = folder.resolve("back");
        assertThat(microvm.run("cp", "work:/tmp/tree/sub/file", back.toString()).exitCode())
                .isZero();
        assertThat(back).hasContent("content\n");
        assertThat(microvm.run("cp", "work:/no/such", back.toString()).err()).contains("/no/such");
    }

    @Test
    void printsWhatItsCommandAndItsConsoleHavePrinted() throws Exception {
        assertThat(microvm.run("logs", "work").out()).isEqualTo("begun\n");
        assertThat(microvm.run("logs", "--console", "work").out()).contains("agent: ready");
    }

    @Test
    void keepsItsName() throws Exception {
        Result second = microvm.run(command(folder.resolve("root"), List.of("--name", "work"), "true"));

        assertThat(second.exitCode()).isEqualTo(ExitCode.FAILED);
        assertThat(second.err()).contains("a machine 'work' runs already");
    }
}
