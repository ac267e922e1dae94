package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Bytes of a socket become JSON objects, however they arrive. */
final class JsonFramesTest {
    private final JsonFrames frames = new JsonFrames();

    private List<String> add(String text) {
        byte[] bytes = text.getBytes(UTF_8);
        return frames.add(bytes, bytes.length);
    }

    @Test
    void cutsObjectsThatFollowEachOther() {
        assertThat(add("{\"a\": {\"b\": 1}} {\"c\":[2]}\r\n")).containsExactly("{\"a\": {\"b\": 1}}", "{\"c\":[2]}");
    }

    @Test
    void joinsPieces() {
        List<String> complete = new ArrayList<>();
        for (char each : "{\"execute\":\n \"x\"}\n".toCharArray()) complete.addAll(add(String.valueOf(each)));

        assertThat(complete).containsExactly("{\"execute\":\n \"x\"}");
    }

    @Test
    void ignoresBracketsInStrings() {
        assertThat(add("{\"a\": \"}\\\"{\"}")).containsExactly("{\"a\": \"}\\\"{\"}");
    }

    @Test
    void returnsWhatIsOutsideOfObjects_asALine() {
        assertThat(add("blah\n{}")).containsExactly("blah", "{}");
    }

    @Test
    void recovers_whenBracketsDoNotMatch() {
        assertThat(add("}\n{\"a\":1}")).containsExactly("}", "{\"a\":1}");
    }
}
