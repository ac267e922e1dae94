package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class FirmwareLogTest {
    private final List<String> lines = new ArrayList<>();
    private final FirmwareLog firmwareLog = new FirmwareLog(lines::add);

    @Test
    void handsOnWholeLines() {
        print("one\r\ntwo\nthr");

        assertThat(lines).containsExactly("one", "two");
    }

    @Test
    void breaksLongLines() {
        print("x".repeat(FirmwareLog.MAX_LENGTH + 5) + "\n");

        assertThat(lines).containsExactly("x".repeat(FirmwareLog.MAX_LENGTH), "xxxxx");
    }

    @Test
    void showsDots_whereATerminalWouldObey() {
        print("a\u001b[2Jb\u00ff\0\n");

        assertThat(lines).containsExactly("a.[2Jb..");
    }

    @Test
    void stops_whenThereAreTooManyLines() {
        print("x\n".repeat(FirmwareLog.MAX_LINES + 7));

        assertThat(lines).hasSize(FirmwareLog.MAX_LINES);
        assertThat(lines.getLast()).isEqualTo("... further lines are dropped");
    }

    private void print(String text) {
        text.chars().forEach(firmwareLog);
    }
}
