package dev.microvm.cli.run;

import static dev.microvm.cli.testing.Microvm.command;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.cli.ExitCode;
import dev.microvm.cli.testing.Microvm;
import dev.microvm.cli.testing.Microvm.Result;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Scanner;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** {@code microvm run}, in a process of its own, on the engine. */
@Lanes.Engine
@Timeout(300)
final class RunEngineTest {
    @TempDir
    private static Path folder;

    @SuppressWarnings("NullAway.Init") // set by makeRoot
    private static Path root;

    @BeforeAll
    static void makeRoot() throws Exception {
        root = Microvm.root(folder);
    }

    private static Result run(String input, List<String> options, String... command) throws Exception {
        return new Microvm(folder).runWith(input, command(root, options, command));
    }

    @Test
    void passesInputOutputsVariablesAndExitCode() throws Exception {
        Path copied = Files.writeString(folder.resolve("copied"), "from the host\n");
        Result result = run(
                "typed\n",
                List.of("-i", "-e", "GREETING=hello", "-w", "/tmp", "--hostname", "guest", "--copy", copied + ":/data"),
                "sh",
                "-c",
                "cat; cat /data/copied; pwd; hostname; echo $GREETING >&2; exit 7");

        assertThat(result.out()).isEqualTo("typed\nfrom the host\n/tmp\nguest\n");
        assertThat(result.err()).contains("runs on engine; ").endsWith("hello\n");
        assertThat(result.exitCode()).isEqualTo(7);
    }

    @Test
    void exitsAsDockerDoes_whenThereIsNoExitCode() throws Exception {
        assertThat(run("", List.of("-q"), "nothing-of-this-name").exitCode()).isEqualTo(ExitCode.NOT_FOUND);
        assertThat(run("", List.of("-q"), "/etc").exitCode()).isEqualTo(ExitCode.NOT_EXECUTABLE);
        assertThat(run("", List.of("-q", "--timeout", "100ms"), "sleep", "1000").exitCode())
                .isEqualTo(ExitCode.TIMED_OUT);
        assertThat(run("", List.of("-q"), "sh", "-c", "kill -9 $$")).isEqualTo(new Result(137, "", ""));
    }

    @Test
    void showsTheConsole_whenThereIsNoRoot_andExitsWithTheGuestsCode() throws Exception {
        Path initrd = folder.resolve("initrd");
        Files.write(
                initrd,
                LinuxGuest.files()
                        .init(LinuxGuest.init("echo ready; read line; echo \"got $line\"; vm-exit 5\n"))
                        .build()
                        .toBytes());
        Process guest = new Microvm(folder)
                .start("run", "--kernel", GuestFiles.file("cloud/vmlinuz").toString(), "--initrd", initrd.toString());

        try (Scanner console = new Scanner(guest.getInputStream(), UTF_8)) {
            assertThat(console.findWithinHorizon("Linux version", 0)).isNotNull();
            assertThat(console.findWithinHorizon("ready", 0)).isNotNull();
            guest.getOutputStream().write("typed\n".getBytes(UTF_8));
            guest.getOutputStream().flush();
            assertThat(console.findWithinHorizon("got typed", 0)).isNotNull();
            assertThat(guest.waitFor()).isEqualTo(5);
        } finally {
            guest.destroyForcibly();
        }
    }
}
