package dev.microvm.cli.firecracker;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** Options and exit codes, without a machine. */
final class FirecrackerCommandTest {
    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    private final StringWriter out = new StringWriter();
    private final StringWriter err = new StringWriter();

    private int run(String... arguments) {
        return new CommandLine(new FirecrackerCommand())
                .setOut(new PrintWriter(out))
                .setErr(new PrintWriter(err))
                .execute(arguments);
    }

    private String file(String text) throws IOException {
        return Files.writeString(folder.resolve("config.json"), text).toString();
    }

    @Test
    void printsVersionAndHelp() {
        assertThat(run("--version")).isZero();
        assertThat(out.toString()).startsWith("Firecracker v");
        assertThat(run("--help")).isZero();
        assertThat(out.toString()).contains("--api-sock", "--config-file", "--no-api", "--seccomp-filter");
    }

    @Test
    void refusesArguments_withFirecrackersExitCode() {
        assertThat(run("--bogus")).isEqualTo(153);
        assertThat(run("--no-api")).isEqualTo(153);
        assertThat(run("--no-seccomp", "--seccomp-filter", "f")).isEqualTo(153);
        assertThat(run("--id", "a_b")).isEqualTo(1);
        assertThat(run("--level", "loud")).isEqualTo(152);
        assertThat(run("--enable-pci")).isEqualTo(1);
    }

    @Test
    void refusesAConfiguration() throws IOException {
        String config = file("{\"boot-source\": {\"kernel_image_path\": \"/no\"}, \"drives\": []}");
        assertThat(run("--no-api", "--config-file", config)).isEqualTo(1);
        assertThat(err.toString())
                .isEqualTo("Error: Configuration for VMM from one single json failed: Boot source error: The kernel"
                        + " file cannot be opened: No such file or directory (os error 2)\n");
    }

    @Test
    void refusesAConfigurationThatIsNoJson() throws IOException {
        assertThat(run("--no-api", "--config-file", file("{\"drives\": []}"))).isEqualTo(1);
        assertThat(err.toString()).contains("failed: Invalid JSON: missing field `boot-source` at line 1 column 14");
    }

    @Test
    void refusesASocketThatIsThere() throws IOException {
        assertThat(run("--api-sock", file(""))).isEqualTo(1);
        assertThat(err.toString())
                .contains("Failed to open the API socket at: " + folder.resolve("config.json")
                        + ". Check that it is not already used.");
    }
}
