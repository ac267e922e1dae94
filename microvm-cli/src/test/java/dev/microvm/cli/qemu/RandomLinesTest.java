package dev.microvm.cli.qemu;

import static org.assertj.core.api.Assertions.assertThatCode;

import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

/** Whatever a command line says, it is read, or has problems: nothing is thrown. */
final class RandomLinesTest {
    private static final int LINES = 500;

    /** Parts of values, right and wrong. */
    private static final List<String> PIECES = List.of(
            "",
            "on",
            "off",
            "auto",
            "help",
            "0",
            "-1",
            "512m",
            "1.5G",
            "99999999999999999999",
            "microvm",
            "q35",
            "user",
            "tap",
            "stream",
            "stdio",
            "mon:stdio",
            "mon:chardev:a",
            "unix:/x,server=on",
            "tcp:h:1",
            "tcp:",
            "file:",
            "id=a",
            "id=",
            "=",
            ",",
            ",,",
            "{",
            "{\"driver\": []}",
            "{\"id\": {\"a\": null}}",
            "if=none",
            "format=raw",
            "file=a",
            "drive=a",
            "netdev=a",
            "chardev=a",
            "virtio-blk-device",
            "virtconsole",
            "memory-backend-ram",
            "throttle-group",
            "size=1",
            "base=+999999999-12-31",
            "base=2020-01-01",
            "shift=9",
            "shift=auto",
            "a.b=c",
            "opt/a",
            "string=x",
            "hostfwd=tcp::1-:2",
            "hostfwd=x",
            "net=1.2.3.4/x.y",
            "mac=1",
            "\0",
            "nowait",
            "server",
            "node",
            "memdev=a",
            "backing=a",
            "node-name=a",
            "driver=raw",
            "x=%s%d$1\\");

    private final Random random = new Random(20_261_127);
    private final List<String> names = Flags.GROUPS.stream()
            .flatMap(group -> group.flags().stream())
            .flatMap(flag -> List.of(flag.names().split(", ", -1)).stream())
            .toList();

    private String value() {
        List<String> pieces = new ArrayList<>();
        for (int i = random.nextInt(4); i >= 0; i--) pieces.add(PIECES.get(random.nextInt(PIECES.size())));
        return String.join(random.nextInt(4) == 0 ? "" : ",", pieces);
    }

    private List<String> line() {
        List<String> words = new ArrayList<>();
        for (int i = random.nextInt(6); i >= 0; i--) {
            words.add(names.get(random.nextInt(names.size())));
            if (random.nextInt(8) != 0) words.add(value());
        }
        return words;
    }

    @Test
    void throwNothing() {
        for (int i = 0; i < LINES; i++) {
            List<String> words = line();
            assertThatCode(() -> Assembly.complete(Invocation.parse(words)))
                    .as(() -> String.join(" ", words))
                    .doesNotThrowAnyException();
        }
    }
}
