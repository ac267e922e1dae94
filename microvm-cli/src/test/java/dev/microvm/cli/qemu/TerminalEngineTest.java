package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.cli.Main;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Standard input and output on a terminal, which script(1) makes. */
@Lanes.Engine
@Timeout(60)
final class TerminalEngineTest {
    private static final Path SCRIPT = Path.of("/usr/bin/script");

    @TempDir
    private Path folder;

    @SuppressWarnings("NullAway.Init") // set by start
    private Process terminal;

    private final StringBuilder seen = new StringBuilder();

    @AfterEach
    void endTerminal() {
        if (terminal != null) terminal.destroyForcibly();
    }

    /** Runs a tiny guest that answers in capitals, and prints the terminal's settings around it. */
    private void start(String serial) throws IOException {
        Lanes.need("script", Files.isExecutable(SCRIPT) ? "" : "install the package bsdutils");
        Files.write(folder.resolve("kernel"), TinyKernel.elf());
        String program =
                "%s --enable-native-access=ALL-UNNAMED -cp '%s' %s qemu -accel tcg -m 16 -nodefaults -nographic"
                        .formatted(ChildJvm.java(), ChildJvm.classPath(), Main.class.getName());
        String command =
                "echo before=$(stty -g).; %s -serial %s -kernel %s/kernel -append chat; echo status=$?; echo after=$(stty -g)."
                        .formatted(program, serial, folder);
        terminal = new ProcessBuilder(SCRIPT.toString(), "-qec", command, "/dev/null")
                .redirectErrorStream(true)
                .start();
    }

    private void type(String keys) throws IOException {
        terminal.getOutputStream().write(keys.getBytes(US_ASCII));
        terminal.getOutputStream().flush();
    }

    private void await(String text) throws IOException {
        byte[] bytes = new byte[4096];
        while (seen.indexOf(text) < 0) {
            int length = terminal.getInputStream().read(bytes);
            assertThat(length).as(() -> "\"" + text + "\" in: " + seen).isPositive();
            seen.append(new String(bytes, 0, length, UTF_8));
        }
    }

    private void assertRestored() throws IOException {
        seen.append(new String(terminal.getInputStream().readAllBytes(), UTF_8));
        String all = seen.toString();
        assertThat(all.replaceAll("(?s).*after=([^.]*)\\..*", "$1"))
                .isEqualTo(all.replaceAll("(?s).*before=([^.]*)\\..*", "$1"));
    }

    @Test
    void endsAtCtrlC_whenItIsTheSerialPortAlone() throws Exception {
        start("stdio");
        await("runs on engine");
        type("ab");
        await("AB");
        type("\u0003");

        await("status=0");
        assertRestored();
    }

    @Test
    void passesCtrlC_andEndsAtCtrlAX_whenTheMonitorIsThereToo() throws Exception {
        start("mon:stdio");
        await("runs on engine");
        type("ab\u0003c");
        await("AB\u0003C");
        type("\u0001c");
        await("(qemu) ");
        type("info statsu\u007f\u007fus\r");
        await("VM status: running");
        type("\u0001x");

        await("status=0");
        assertRestored();
    }
}
