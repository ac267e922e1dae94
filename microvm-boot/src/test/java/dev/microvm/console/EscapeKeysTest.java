package dev.microvm.console;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;

final class EscapeKeysTest {
    private static final String CTRL_A = "\u0001";

    private final AtomicInteger left = new AtomicInteger();

    @Test
    void passesKeysOn() throws IOException {
        assertThat(passed("ls -l\r\u0003")).isEqualTo("ls -l\r\u0003");
        assertThat(left).hasValue(0);
    }

    @Test
    void leaves_whenCtrlAIsFollowedByX() throws IOException {
        assertThat(passed("ls" + CTRL_A + "xmore")).isEqualTo("ls");
        assertThat(left).hasValue(1);
    }

    @Test
    void passesOneCtrlAOn_whenItIsTypedTwice() throws IOException {
        assertThat(passed(CTRL_A + CTRL_A + "x")).isEqualTo(CTRL_A + "x");
        assertThat(left).hasValue(0);
    }

    @Test
    void passesCtrlAOn_withAnyOtherKey() throws IOException {
        assertThat(passed(CTRL_A + "k")).isEqualTo(CTRL_A + "k");
    }

    @Test
    void findsTheSequence_acrossPieces() throws IOException {
        String full = "y".repeat(255);
        assertThat(passed(full + CTRL_A + "x")).isEqualTo(full);
        assertThat(left).hasValue(1);
    }

    @Test
    void givesOneKeyAtATime_whenAskedForOne() throws IOException {
        EscapeKeys keys = keys("a" + CTRL_A + "b");
        assertThat(new int[] {keys.read(), keys.read(), keys.read(), keys.read()})
                .containsExactly('a', 1, 'b', -1);
    }

    private String passed(String typed) throws IOException {
        return new String(keys(typed).readAllBytes(), US_ASCII);
    }

    private EscapeKeys keys(String typed) {
        return new EscapeKeys(new ByteArrayInputStream(typed.getBytes(US_ASCII)), left::incrementAndGet);
    }
}
