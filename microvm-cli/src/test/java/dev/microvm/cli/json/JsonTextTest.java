package dev.microvm.cli.json;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.math.BigInteger;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class JsonTextTest {
    @ParameterizedTest
    @ValueSource(
            strings = {
                "{\"z\":1,\"a\":[true,false,null,-5,0.5],\"m\":{}}",
                "[]",
                "\"a \\\"quoted\\\" \\\\ text\"",
                "18446744073709551616",
                "null"
            })
    void writesWhatItHasRead(String text) {
        assertThat(JsonText.of(JsonText.read(text))).isEqualTo(text);
    }

    @Test
    void readsValuesOfJava() {
        assertThat(JsonText.read("{\"b\": [1, 2.5], \"a\": \"\\u00e9\"}"))
                .isEqualTo(Map.of("b", List.of(BigInteger.ONE, 2.5), "a", "\u00e9"));
    }

    @Test
    void indentsForPeople() {
        Map<String, Object> value = new LinkedHashMap<>();
        value.put("a", 1);
        value.put("b", Map.of("c", true));
        assertThat(JsonText.indented(value).lines())
                .containsExactly("{", "  \"a\" : 1,", "  \"b\" : {", "    \"c\" : true", "  }", "}");
        assertThat(JsonText.read(JsonText.indented(value)))
                .isEqualTo(Map.of("a", BigInteger.ONE, "b", Map.of("c", true)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "{", "{\"a\"}", "[1,]", "1 2", "{} {}", "nul", "\"a"})
    void refusesWhatIsNotOneValue(String text) {
        assertThatIllegalArgumentException().isThrownBy(() -> JsonText.read(text));
    }
}
