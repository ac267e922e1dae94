package dev.microvm.sandbox.tar;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.sandbox.root.tree.Metadata;
import dev.microvm.sandbox.root.tree.RawName;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class TarWriterTest {
    private static final Metadata SIMPLE = new Metadata(0640, 1000, 50, 1_700_000_000, 0, Map.of());
    private static final Metadata EXTREME = new Metadata(07777, -2, 1 << 30, -5, 123_456_789, Map.of());

    @Test
    void writesWhatTheReaderReads() throws IOException {
        List<TarEntry> entries = List.of(
                entry("folder", TarEntry.DIRECTORY, 0, "", SIMPLE),
                entry("folder/a", TarEntry.FILE, 5, "", SIMPLE),
                entry("b", TarEntry.SYMLINK, 0, "folder/a", EXTREME),
                entry(RawName.of("n\u00e4me/".repeat(60) + "x"), TarEntry.FILE, 5, "", EXTREME),
                entry("c", TarEntry.HARD_LINK, 0, "y".repeat(300), SIMPLE),
                new TarEntry("d", TarEntry.BLOCK_DEVICE, 0, "", 8, 17, SIMPLE));

        TarReader reader = new TarReader(new ByteArrayInputStream(write(entries)));

        for (TarEntry each : entries) {
            assertThat(reader.next()).isEqualTo(each);
            if (each.size() > 0) assertThat(reader.content().readAllBytes()).isEqualTo("hello".getBytes(UTF_8));
        }
        assertThat(reader.next()).isNull();
    }

    @Test
    void writesASizeOfMoreThanElevenDigits_asARecord() {
        TarEntry entry = entry("big", TarEntry.FILE, 1L << 34, "", SIMPLE);
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        assertThatExceptionOfType(IOException.class)
                .isThrownBy(() -> new TarWriter(bytes).put(entry, InputStream.nullInputStream()))
                .withMessage("big has become shorter by 17179869184 bytes");

        TarReader reader = new TarReader(new ByteArrayInputStream(bytes.toByteArray()));

        assertThat(reader).extracting(each -> next(each).size()).isEqualTo(1L << 34);
    }

    @Test
    void isReadByTar(@TempDir Path folder) throws Exception {
        Path archive = Files.write(folder.resolve("archive"), write(List.of(entry("a", TarEntry.FILE, 5, "", SIMPLE))));
        Process tar = new ProcessBuilder("tar", "-tvf", archive.toString()).start();
        assertThat(new String(tar.getInputStream().readAllBytes(), UTF_8))
                .startsWith("-rw-r----- 1000/50")
                .contains(" 5 ")
                .endsWith(" a\n");
        assertThat(tar.waitFor()).isZero();
    }

    private static TarEntry next(TarReader reader) {
        try {
            return Objects.requireNonNull(reader.next());
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }

    private static TarEntry entry(String name, char type, long size, String link, Metadata metadata) {
        return new TarEntry(name, type, size, link, 0, 0, metadata);
    }

    private static byte[] write(List<TarEntry> entries) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (TarWriter writer = new TarWriter(bytes)) {
            for (TarEntry each : entries) writer.put(each, new ByteArrayInputStream("hello".getBytes(UTF_8)));
        }
        return bytes.toByteArray();
    }
}
