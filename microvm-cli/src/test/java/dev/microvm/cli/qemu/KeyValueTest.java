package dev.microvm.cli.qemu;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/** The grammar of QEMU's options. */
final class KeyValueTest {
    @ParameterizedTest
    @CsvSource(
            delimiter = ';',
            value = {
                "if=none,id=a;          if=none id=a",
                "microvm,pit=off;       type=microvm pit=off",
                "file=a,,b,id=c;        file=a,,b id=c",
                "file=a,,;              file=a,,",
                "path=x=y;              path=x=y",
                "a=1,server,nowait;     a=1 server nowait",
                "hostfwd=tcp::1-:2,hostfwd=tcp::3-:4; hostfwd=tcp::1-:2 hostfwd=tcp::3-:4",
                "a=,b=1;                a= b=1",
            })
    void readsPairs(String text, String expected) {
        assertThat(KeyValue.parse(text, "type")).map(KeyValue::toString).containsExactly(expected.split(" "));
    }

    @Test
    void readsACommaThatIsDoubled() {
        assertThat(KeyValue.parse("file=a,,b", "")).containsExactly(new KeyValue("file", "a,b", false));
    }

    @Test
    void takesAFirstWordAsAKey_whenNoneIsImplied() {
        assertThat(KeyValue.parse("help", "")).containsExactly(new KeyValue("help", "on", true));
    }

    @Test
    void joinsNestedKeys_whenTheTextIsJson() {
        String text = "{\"driver\": \"qcow2\", \"file\": {\"filename\": \"a,b\"}, \"read-only\": true, \"n\": 3}";

        assertThat(KeyValue.parse(text, "driver"))
                .containsExactlyElementsOf(List.of(
                        new KeyValue("driver", "qcow2", false),
                        new KeyValue("file.filename", "a,b", false),
                        new KeyValue("read-only", "on", false),
                        new KeyValue("n", "3", false)));
    }

    @ParameterizedTest
    @ValueSource(strings = {"=1", "a=1,=2", "{\"a\": "})
    void refusesWhatIsNone(String text) {
        assertThatExceptionOfType(OptionException.class).isThrownBy(() -> KeyValue.parse(text, "type"));
    }

    @ParameterizedTest
    @CsvSource({"512, 536870912", "512M, 536870912", "512m, 536870912", "1.5G, 1610612736", "4096K, 4194304", "7b, 7"})
    void readsSizes(String text, long bytes) {
        assertThat(Values.size(text, 'M')).isEqualTo(bytes);
    }

    @ParameterizedTest
    @ValueSource(strings = {"", "M", "x", "-1", "1.0001B", "99999999999G"})
    void refusesWhatIsNoSize(String text) {
        assertThatExceptionOfType(OptionException.class).isThrownBy(() -> Values.size(text, 'M'));
    }
}
