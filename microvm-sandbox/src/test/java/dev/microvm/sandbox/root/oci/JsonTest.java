package dev.microvm.sandbox.root.oci;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.nio.charset.StandardCharsets;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class JsonTest {
    @Test
    void readsValues() {
        Json json = parse("""
            {"a": {"b": ["x", "\\u0151\\n\\"\\/", 3]}, "n": -12, "big": 123456789012345678901, "t": true, "z": null}
            """);

        assertThat(json.get("a").get("b").texts()).containsExactly("x", "ő\n\"/", "");
        assertThat(json.get("n").number(0)).isEqualTo(-12);
        assertThat(json.get("big").number(7)).as("no whole number of 64 bits").isEqualTo(7);
        assertThat(json.get("z").isMissing()).isTrue();
        assertThat(json.get("missing").get("deeper").text()).isEmpty();
    }

    @ParameterizedTest
    @ValueSource(
            strings = {
                "",
                "{",
                "[1,]",
                "{\"a\"}",
                "{\"a\":1,}",
                "01",
                "1.",
                "tru",
                "\"\\x\"",
                "\"a\nb\"",
                "[1] 2",
                "{a:1}",
                "\"\\u00g0\"",
                "nan"
            })
    void refusesWhatIsNone(String text) {
        assertThatExceptionOfType(RootContentException.class).isThrownBy(() -> parse(text));
    }

    @Test
    void refusesDepthWithoutEnd() {
        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> parse("[".repeat(1_000_000)))
                .withMessageContaining("too deep");
    }

    private static Json parse(String text) {
        return Json.parse("the document", text.getBytes(StandardCharsets.UTF_8));
    }
}
