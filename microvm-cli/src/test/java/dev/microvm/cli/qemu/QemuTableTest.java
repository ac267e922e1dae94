package dev.microvm.cli.qemu;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The table in docs/qemu-microvm.md is the one in the code; {@code -Dmicrovm.docs=write} writes it
 * there.
 */
final class QemuTableTest {
    private static final Path PAGE = Path.of("../docs/qemu-microvm.md");
    private static final String BEGIN = "<!-- table: written by QemuTableTest -->\n";
    private static final String END = "<!-- end of table -->\n";

    @Test
    void isInTheDocumentation() throws IOException {
        String page = Files.readString(PAGE);
        String before = page.substring(0, page.indexOf(BEGIN) + BEGIN.length());
        String after = page.substring(page.indexOf(END));
        if ("write".equals(System.getProperty("microvm.docs"))) {
            Files.writeString(PAGE, before + "\n" + QemuTable.markdown() + "\n" + after);
        }

        assertThat(Files.readString(PAGE))
                .as("run this test with -Dmicrovm.docs=write")
                .isEqualTo(before + "\n" + QemuTable.markdown() + "\n" + after);
    }

    @ParameterizedTest
    @MethodSource("refusedFlags")
    void saysWhatToUseInstead(String flag, String why) {
        assertThat(why)
                .as(flag)
                .matches("(?s).*(; use |use |leave |; run |give |start |is Ctrl-A|; guests|; a program).*");
    }

    private static Stream<Arguments> refusedFlags() {
        return Flags.GROUPS.stream()
                .flatMap(group -> group.flags().stream())
                .filter(flag -> flag.fate() == Fate.REFUSED)
                .map(flag -> Arguments.of(flag.names(), flag.here()));
    }

    @Test
    void hasEachFlagOnce() {
        assertThat(Flags.GROUPS.stream()
                        .flatMap(group -> group.flags().stream())
                        .flatMap(flag -> Arrays.stream(flag.names().split(", "))))
                .doesNotHaveDuplicates();
    }
}
