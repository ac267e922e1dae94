package dev.microvm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import org.junit.jupiter.api.Test;

final class ProgressTest {
    private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();

    private Progress progress(boolean shown, boolean terminal) {
        return new Progress(new PrintStream(bytes, true, UTF_8), shown, terminal);
    }

    private String text() {
        return bytes.toString(UTF_8);
    }

    @Test
    void replacesTheLine_onATerminal_andClearsItAtTheEnd() {
        try (Progress progress = progress(true, true)) {
            progress.step("pulling");
            progress.step("booting");
        }
        assertThat(text()).isEqualTo("\r\033[Kpulling ...\r\033[Kbooting ...\r\033[K");
    }

    @Test
    void writesLines_elsewhere() {
        try (Progress progress = progress(true, false)) {
            progress.step("pulling");
            progress.figures("pulling 10 %");
            progress.step("booting");
        }
        assertThat(text()).isEqualTo("microvm: pulling\nmicrovm: booting\n");
    }

    @Test
    void isSilent_unlessItIsShown_butSaysWhatStays() {
        try (Progress progress = progress(false, true)) {
            progress.step("pulling");
            progress.say("runs on kvm");
        }
        assertThat(text()).isEqualTo("microvm: runs on kvm\n");
    }
}
