package dev.microvm.engine.system;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HexFormat;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The bytes of all listings of this package are what their comments assemble to: with GNU as, for
 * {@link SystemGuest#CODE}.
 */
@Timeout(60)
final class ListingsTest {
    private static final Path SOURCES = Path.of("src/test/java/dev/microvm/engine/system");
    private static final Pattern LISTING = Pattern.compile("\"\"\"\\n(\\s*// \\.code(?:16|32|64)\\n[^\"]*)\"\"\"");

    @TempDir
    Path folder;

    static List<Path> sources() throws IOException {
        try (Stream<Path> files = Files.list(SOURCES)) {
            return files.filter(file -> file.toString().endsWith("Test.java"))
                    .sorted()
                    .toList();
        }
    }

    @ParameterizedTest
    @MethodSource("sources")
    void sayWhatTheirBytesAre(Path source) throws Exception {
        assumeTrue(have("as") && have("ld"), "listings are not checked: no as, ld (Debian package binutils)");
        Matcher listings = LISTING.matcher(Files.readString(source));
        while (listings.find()) {
            String listing = listings.group(1);
            assertThat(HexFormat.of().formatHex(Listing.bytes(listing)))
                    .as("bytes of%n%s", listing)
                    .isEqualTo(HexFormat.of().formatHex(assemble(listing)));
        }
    }

    private byte[] assemble(String listing) throws IOException, InterruptedException {
        String assembly = listing.lines()
                .map(line -> line.substring(line.indexOf(Listing.COMMENT) + Listing.COMMENT.length()))
                .collect(Collectors.joining("\n", "", "\n"));
        Path text = Files.writeString(folder.resolve("listing.s"), assembly);
        Path object = folder.resolve("listing.o");
        Path binary = folder.resolve("listing");
        run("as", "--64", "-o", object.toString(), text.toString());
        String base = "-Ttext=0x%x".formatted(SystemGuest.CODE);
        run("ld", "-m", "elf_x86_64", base, "--oformat=binary", "-e", "0", "-o", binary.toString(), object.toString());
        return Files.readAllBytes(binary);
    }

    private static void run(String... command) throws IOException, InterruptedException {
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String said = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
        assertThat(process.waitFor(30, TimeUnit.SECONDS) && process.exitValue() == 0)
                .as(said)
                .isTrue();
    }

    private static boolean have(String tool) {
        return Stream.of(System.getenv().getOrDefault("PATH", "").split(":"))
                .anyMatch(folder -> Files.isExecutable(Path.of(folder, tool)));
    }
}
