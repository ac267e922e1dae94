package dev.microvm.cli.firecracker.json;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.cli.json.JsonText;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** Texts and places of faults as serde_json has them. */
final class JsonReaderTest {
    private static final Shape INNER = Shape.named("Inner").required("size", Type.U8);
    private static final Shape SHAPE = Shape.named("Outer")
            .required("name", Type.TEXT)
            .optional("flag", Type.FLAG)
            .defaulted("kind", Type.choice("A", "B"), "A")
            .optional("inner", new Type.Structure(INNER))
            .optional("all", new Type.Many(Type.U16));

    private static Fields read(String text) {
        return JsonReader.read(text.getBytes(UTF_8), SHAPE);
    }

    @Test
    void readsWhatHasTheShape() {
        Fields fields = read("{\"name\": \"x\\n\", \"flag\": null, \"inner\": {\"size\": 255}, \"all\": [1, 2]}");

        assertThat(fields.text("name")).isEqualTo("x\n");
        assertThat(fields.has("flag")).isFalse();
        assertThat(fields.text("kind")).isEqualTo("A");
        assertThat(fields.fields("inner").orElseThrow().number("size")).isEqualTo(255);
        assertThat(fields)
                .hasToString("{\"name\":\"x\\n\",\"flag\":null,\"kind\":\"A\",\"inner\":{\"size\":255},\"all\":[1,2]}");
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', quoteCharacter = '\0', textBlock = """
        {}                        | missing field `name` at line 1 column 2
        {"nam": 1}                | unknown field `nam`, expected one of `name`, `flag`, `kind`, `inner`, `all` at line 1 column 6
        {"name": "a", "name": ""} | duplicate field `name` at line 1 column 20
        {"name": 5}               | invalid type: integer `5`, expected a string at line 1 column 10
        {"name": null}            | invalid type: null, expected a string at line 1 column 13
        {"name": [1]}             | invalid type: sequence, expected a string at line 1 column 9
        {"name": {}}              | invalid type: map, expected a string at line 1 column 9
        {"flag": "true"}          | invalid type: string "true", expected a boolean at line 1 column 15
        {"flag": 1.5}             | invalid type: floating point `1.5`, expected a boolean at line 1 column 12
        {"kind": "C"}             | unknown variant `C`, expected `A` or `B` at line 1 column 12
        {"inner": {"size": 256}}  | invalid value: integer `256`, expected u8 at line 1 column 22
        {"inner": {"size": -1}}   | invalid value: integer `-1`, expected u8 at line 1 column 21
        {"inner": {"size": true}} | invalid type: boolean `true`, expected u8 at line 1 column 23
        {"inner": {"x": 1}}       | unknown field `x`, expected `size` at line 1 column 14
        {"all": {}}               | invalid type: map, expected a sequence at line 1 column 8
        5                         | invalid type: integer `5`, expected struct Outer at line 1 column 1
        {"name": "a",}            | trailing comma at line 1 column 14
        {name: "a"}               | key must be a string at line 1 column 2
        {"name" "a"}              | expected `:` at line 1 column 9
        {"name": "a" "b"}         | expected `,` or `}` at line 1 column 14
        {"name": foo}             | expected value at line 1 column 10
        {"name": "a"} x           | trailing characters at line 1 column 15
        {"name": "a               | EOF while parsing a string at line 1 column 11
        {"name": "a"              | EOF while parsing an object at line 1 column 12
        {"name":                  | EOF while parsing a value at line 1 column 8
        {"all": [1                | EOF while parsing a list at line 1 column 10
        """)
    void namesFaultAndPlace(String text, String message) {
        assertThatThrownBy(() -> read(text)).isInstanceOf(JsonFault.class).hasMessage(message);
    }

    @Test
    void namesTheEndOfAnEmptyText() {
        assertThatThrownBy(() -> read("")).hasMessage("EOF while parsing a value at line 1 column 0");
    }

    @Test
    void countsLines_andBytes() {
        assertThatThrownBy(() -> read("{\"name\": \"ä\",\n \"flag\": true, \"ä\": 1}"))
                .hasMessageEndingWith("at line 2 column 19");
    }

    @Test
    void passesOverUnknownKeys_whereTheShapeIsOpen() {
        Shape open = Shape.named("Open").required("size", Type.U8).open();

        Fields fields = JsonReader.read("{\"x\": {\"y\": [1, {}]}, \"size\": 3}".getBytes(UTF_8), open);

        assertThat(fields.number("size")).isEqualTo(3);
    }

    @Test
    void saturatesWhatALongCannotHold() {
        Shape wide = Shape.named("Wide").required("size", Type.U64);

        Fields fields = JsonReader.read("{\"size\": 18446744073709551615}".getBytes(UTF_8), wide);

        assertThat(fields.number("size")).isEqualTo(Long.MAX_VALUE);
        assertThatThrownBy(() -> JsonReader.read("{\"size\": 18446744073709551616}".getBytes(UTF_8), wide))
                .hasMessageStartingWith("invalid type: floating point `18446744073709552000.0`, expected u64");
    }

    @Test
    void readsTreesSortedByKey() {
        Object tree = JsonReader.readTree("{\"b\": [1, null, 2.5], \"a\": {\"c\": true}}".getBytes(UTF_8));

        assertThat(JsonText.of(tree)).isEqualTo("{\"a\":{\"c\":true},\"b\":[1,null,2.5]}");
        assertThat(tree).isInstanceOf(Map.class);
    }

    @Test
    void refusesWhatIsNestedTooDeeply() {
        byte[] deep = ("[".repeat(200) + "]".repeat(200)).getBytes(UTF_8);

        assertThatThrownBy(() -> JsonReader.readTree(deep)).hasMessageStartingWith("recursion limit exceeded");
    }

    @Test
    void writesNothingThatCouldEndAString() {
        assertThat(JsonText.of(List.of("\"\\\n\u0001"))).isEqualTo("[\"\\\"\\\\\\n\\u0001\"]");
    }
}
