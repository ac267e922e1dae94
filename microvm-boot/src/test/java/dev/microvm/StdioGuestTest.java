package dev.microvm;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.microvm.boot.testing.StdioProgram;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/**
 * Standard input and output as the serial port: {@link StdioProgram}, on a terminal that script(1)
 * makes.
 */
@Lanes.TinyGuests
@Timeout(120)
public final class StdioGuestTest {
    private static final Path SCRIPT = Path.of("/usr/bin/script");
    private static final String RAW = "during:[^!]*-isig -icanon[^!]*-echo ";
    private static final String COOKED = "after the end:.*\\sisig icanon.*\\secho ";

    @TempDir
    private Path folder;

    @SuppressWarnings("NullAway.Init") // set by start
    private Process terminal;

    private final StringBuilder seen = new StringBuilder();

    @BeforeEach
    void requireScript() {
        assumeTrue(Files.isExecutable(SCRIPT), SCRIPT + " is missing: install the package bsdutils");
    }

    @AfterEach
    void endTerminal() {
        if (terminal != null) terminal.destroyForcibly();
    }

    @Test
    void isRawWhileTheGuestRuns_andRestoredAfterIt() throws Exception {
        start("chat");
        await("pid=");
        type("typed\u0003"); // no line is finished, and Ctrl-C is a key
        await("TYPED\u0003");
        type(".");

        assertThat(whole()).containsPattern(RAW).contains("EXIT_PORT!").containsPattern("(?s)" + COOKED);
        assertRestored();
    }

    @Test
    void stopsTheGuest_whenCtrlAXIsTyped_andRefusesASecondMachine() throws Exception {
        start("spin");
        await("pid=");
        type("\u0001x");

        assertThat(whole())
                .contains("STOPPED!")
                .contains("serial: machine first already uses standard input and output: end it before vm-");
        assertRestored();
    }

    @Test
    void isRestored_whenTheGuestFails() throws Exception {
        start("fly");

        assertThat(whole()).contains("GUEST_ERROR!").containsPattern("(?s)" + COOKED);
        assertRestored();
    }

    @Test
    void isRestored_afterSigterm() throws Exception {
        start("spin");
        String pid = await("pid=[0-9]+\\.").replaceAll("(?s).*pid=([0-9]+)\\..*", "$1");

        new ProcessBuilder("kill", "-TERM", pid).start().waitFor();

        assertThat(whole()).containsPattern(RAW).contains("status=143");
        assertRestored();
    }

    @Test
    void isRestored_afterSigint() throws Exception {
        start("spin");
        String pid = await("pid=[0-9]+\\.").replaceAll("(?s).*pid=([0-9]+)\\..*", "$1");

        new ProcessBuilder("kill", "-INT", pid).start().waitFor();

        assertThat(whole()).contains("status=130");
        assertRestored();
    }

    /**
     * Starts the program on a new terminal, and prints the terminal's settings before and after it.
     */
    private void start(String cmdline) throws IOException {
        // whoever runs the tests in the background may ignore SIGINT, which children inherit
        String program =
                "env --default-signal=INT,TERM %s -Dmicrovm.hypervisor=%s --enable-native-access=ALL-UNNAMED -cp '%s' %s '%s' %s"
                        .formatted(
                                ChildJvm.java(),
                                Lanes.hypervisor(),
                                ChildJvm.classPath(),
                                StdioProgram.class.getName(),
                                folder,
                                cmdline);
        String command = "echo before=$(stty -g).; %s; echo status=$?; echo after=$(stty -g).".formatted(program);
        terminal = new ProcessBuilder(SCRIPT.toString(), "-qec", command, "/dev/null")
                .redirectErrorStream(true)
                .start();
    }

    private void type(String keys) throws IOException {
        terminal.getOutputStream().write(keys.getBytes(US_ASCII));
        terminal.getOutputStream().flush();
    }

    /**
     * Waits until the terminal shows text that matches {@code pattern}, and returns everything it
     * showed.
     */
    private String await(String pattern) throws IOException {
        InputStream screen = terminal.getInputStream();
        byte[] bytes = new byte[4096];
        while (!seen.toString().matches("(?s).*" + pattern + ".*")) {
            int n = screen.read(bytes);
            assertThat(n)
                    .as(() -> "\"%s\" on the terminal: %s".formatted(pattern, seen))
                    .isPositive();
            seen.append(new String(bytes, 0, n, UTF_8));
        }
        return seen.toString();
    }

    /** Waits for the program's end, and returns everything that the terminal showed. */
    private String whole() throws Exception {
        seen.append(new String(terminal.getInputStream().readAllBytes(), UTF_8));
        assertThat(terminal.waitFor(30, TimeUnit.SECONDS)).isTrue();
        return seen.toString();
    }

    private void assertRestored() {
        String before = seen.toString().replaceAll("(?s).*before=([^.]+)\\..*", "$1");
        assertThat(before).hasSizeBetween(20, 300);
        assertThat(seen.toString()).contains("after=" + before + ".");
    }
}
