package dev.microvm.machine;

import java.util.function.Consumer;
import java.util.function.IntConsumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Splits what firmware prints on the debug console into lines of at most {@value #MAX_LENGTH}
 * characters, at most {@value #MAX_LINES} in all. Characters other than printable ASCII become
 * dots. One for each run of a machine; for one thread at a time.
 */
final class FirmwareLog implements IntConsumer {
    static final int MAX_LENGTH = 200;
    static final int MAX_LINES = 10_000;

    private static final Logger log = LoggerFactory.getLogger(FirmwareLog.class);

    private final Consumer<String> to;
    private final StringBuilder line = new StringBuilder(MAX_LENGTH);
    private int lines;

    FirmwareLog(Consumer<String> to) {
        this.to = to;
    }

    /** Whether the log is enabled at level DEBUG. */
    static boolean enabled() {
        return log.isDebugEnabled();
    }

    /** Makes one that writes to the log. */
    static FirmwareLog toLog(String machine) {
        return new FirmwareLog(line -> log.debug("machine {}: firmware: {}", machine, line));
    }

    @Override
    public void accept(int character) {
        if (lines >= MAX_LINES) return;
        if (character == '\n') {
            flush();
        } else if (character != '\r') {
            line.append(character >= ' ' && character <= '~' ? (char) character : '.');
            if (line.length() == MAX_LENGTH) flush();
        }
    }

    private void flush() {
        lines++;
        to.accept(lines < MAX_LINES ? line.toString() : "... further lines are dropped");
        line.setLength(0);
    }
}
