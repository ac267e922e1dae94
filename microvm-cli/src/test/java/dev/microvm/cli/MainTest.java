package dev.microvm.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.PrintWriter;
import java.io.StringWriter;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import picocli.CommandLine;

/** What the program says of its own use. */
final class MainTest {
    private final StringWriter err = new StringWriter();

    private int execute(String... arguments) {
        CommandLine program = Main.commandLine().setErr(new PrintWriter(err));
        return program.execute(arguments);
    }

    @Test
    void namesTheCommand_whenItIsUnknown() {
        assertThat(execute("rum")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString())
                .startsWith("microvm: unknown command 'rum'\n")
                .contains("did you mean run?");
    }

    @Test
    void namesTheOption_whenItIsUnknown() {
        assertThat(execute("run", "--memori", "1g")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString())
                .startsWith("microvm run: unknown option '--memori'\n")
                .contains("--memory");
    }

    @Test
    void namesOptionValueAndForm_whenAValueIsWrong() {
        assertRefused("--memory", "12x", "256m");
        assertRefused("--timeout", "soon", "10s");
        assertRefused("--publish", "80:x", "8080:80");
        assertRefused("--net", "bridge", "tap:NAME");
        assertRefused("--copy", "src", "src:/src");
        assertRefused("--disk", "a.img,fast", "format=raw|qcow2");
        assertRefused("--vcpus", "many", "int");
        assertRefused("--share", "src", "DIR:TAG");
        assertRefused("-v", "src", "DIR:TAG");
        assertRefused("-m", "12x", "256m");
    }

    private void assertRefused(String option, String value, String form) {
        err.getBuffer().setLength(0);
        assertThat(execute("run", option, value)).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString())
                .startsWith("microvm run: invalid value for option '" + option + "'")
                .contains(form);
    }

    @Test
    void saysWhatToGive_whenThereIsNothingToRun() {
        assertThat(execute("run")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("nothing to run", "--image", "--root", "--kernel");
    }

    @Test
    void saysWhatToAdd_whenACommandHasNoRoot() {
        assertThat(execute("run", "--", "uname", "-a")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("'uname -a' needs a root", "--image");
    }

    @Test
    void saysWhatAShareIs_whenItIsNone() {
        assertThat(execute("run", "--root", ".", "--share", "src")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("DIR:TAG", "was 'src'");
    }

    @Test
    void namesTheDirectory_whenAShareDoesNotExist() {
        assertThat(execute("run", "--root", ".", "--share", "/no/such:src", "true"))
                .isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).startsWith("microvm run: --share: /no/such does not exist\n");
    }

    @Test
    void saysHowAGuestWithoutAnAgentMountsAShare() {
        assertThat(execute("run", "--kernel", "pom.xml", "--share", "src:/src")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("mount -t virtiofs");
    }

    @Test
    void saysThatThereIsNoDefaultRegistry_whenAnImageNamesNone() {
        assertThat(execute("run", "--image", "debian:12", "true")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("debian:12", "MICROVM_REGISTRY");
    }

    @Test
    void namesThePath_whenTheRootDoesNotExist() {
        assertThat(execute("run", "--root", "/no/such", "true")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("--root: /no/such does not exist");
    }

    @Test
    void refusesValuesOutOfBounds_andFilesThatCannotBe_beforeAnythingStarts(@TempDir Path root) {
        assertNoStart("memoryMiB: 64 or more, was 8", root, "--memory", "8m");
        assertNoStart("--timeline: /no/such/t.svg cannot be written", root, "--timeline", "/no/such/t.svg");
        assertNoStart("copyIn: /no/such does not exist on the host", root, "--copy", "/no/such:/x");
    }

    private void assertNoStart(String problem, Path root, String... options) {
        err.getBuffer().setLength(0);
        List<String> arguments = new ArrayList<>(List.of("run", "--root", root.toString()));
        arguments.addAll(List.of(options));
        assertThat(execute(arguments.toArray(String[]::new))).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains(problem).doesNotContain("internal error", "runs on");
    }

    @Test
    void passesOptionsOfTheGuestsCommandOn() {
        assertThat(execute("run", "--root", "/no/such", "ls", "--help", "-x")).isEqualTo(ExitCode.FAILED);
        assertThat(err.toString()).contains("/no/such does not exist");
    }

    @Test
    void explainsEachCommand() {
        Main.commandLine().getSubcommands().forEach((name, command) -> {
            assertThat(command.getCommandSpec().usageMessage().description())
                    .as(name)
                    .isNotEmpty();
            command.getCommandSpec()
                    .options()
                    .forEach(option -> assertThat(option.description())
                            .as(name + " " + option.longestName())
                            .isNotEmpty());
        });
    }
}
