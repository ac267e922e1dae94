package dev.microvm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.AutoComplete;
import picocli.CommandLine;

/** What is made of the description of all commands. */
final class HelpPagesTest {
    private final CommandLine program = Main.commandLine();

    @Test
    void completesInAShellsSyntax(@TempDir Path folder) throws Exception {
        assumeTrue(Files.isExecutable(Path.of("/bin/bash")), "no bash");
        Path script = Files.writeString(folder.resolve("completion"), AutoComplete.bash("microvm", program));

        assertThat(run("/bin/bash", "-n", script.toString())).isEmpty();
        assertThat(script).content().contains("run exec", "--memory");
    }

    @Test
    void hasAManualPageForEachCommand(@TempDir Path folder) throws Exception {
        program.getSubcommands()
                .forEach((name, command) -> assertThat(ManPage.of(command.getCommandSpec()))
                        .as(name)
                        .startsWith(".TH MICROVM-" + name.toUpperCase(Locale.ROOT))
                        .contains(".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"));
        assertThat(ManPage.of(program.getCommandSpec())).contains(".SH COMMANDS", "\\fBrun\\fR");
        assumeTrue(Files.isExecutable(Path.of("/usr/bin/groff")), "no groff");
        Path page = Files.writeString(folder.resolve("page"), ManPage.of(program.getCommandSpec()));
        assertThat(run("/usr/bin/groff", "-man", "-Tutf8", "-ww", "-z", page.toString()))
                .isEmpty();
    }

    /** Returns what a program prints, errors included. */
    private static String run(String... words) throws IOException {
        Process process = new ProcessBuilder(words).redirectErrorStream(true).start();
        return new String(process.getInputStream().readAllBytes(), UTF_8);
    }
}
