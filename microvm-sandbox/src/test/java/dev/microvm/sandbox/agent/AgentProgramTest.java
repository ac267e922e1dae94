package dev.microvm.sandbox.agent;

import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.sandbox.AgentInit;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Tests that the agent's committed program matches its source. */
@Timeout(120)
final class AgentProgramTest {
    private static final int MAX_SIZE = 64 << 10; // bytes
    private static final Pattern COMPILER = Pattern.compile("GCC: (\\([^)]*\\) [0-9.]+)"); // in section .comment
    private static final Path SCRIPT = Path.of("../scripts/build-agent").toAbsolutePath();

    @Test
    void isSmall() {
        assertThat(AgentInit.program()).hasSizeLessThanOrEqualTo(MAX_SIZE);
    }

    @Test
    void matchesItsSource_whenCompiledAgain(@TempDir Path folder) throws Exception {
        byte[] committed = AgentInit.program();
        Matcher named = COMPILER.matcher(new String(committed, ISO_8859_1));
        assertThat(named.find()).as("the program names its compiler").isTrue();
        Lanes.need("agent-program", difference(named.group(1), folder));
        Path built = folder.resolve("agent");

        String complaints = run(folder, SCRIPT.toString(), built.toString());

        assertThat(complaints).isEmpty();
        assertThat(Files.readAllBytes(built)).isEqualTo(committed);
    }

    /** Says why this host's compiler cannot make the same bytes; empty if it can. */
    private static String difference(String compiler, Path folder) throws Exception {
        String found;
        try {
            found = run(folder, "gcc", "--version");
        } catch (IOException e) {
            return "there is no gcc: install the Debian package gcc";
        }
        if (found.contains(compiler)) return "";
        return "the program was compiled by gcc %s, here is %s"
                .formatted(compiler, found.lines().findFirst().orElse("another"));
    }

    private static String run(Path folder, String... command) throws IOException, InterruptedException {
        Path log = folder.resolve("log");
        Process process = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        assertThat(process.waitFor(100, TimeUnit.SECONDS)).as("ends").isTrue();
        return Files.readString(log) + (process.exitValue() == 0 ? "" : "status " + process.exitValue());
    }
}
