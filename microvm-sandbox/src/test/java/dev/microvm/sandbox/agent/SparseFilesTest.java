package dev.microvm.sandbox.agent;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayInputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

final class SparseFilesTest {
    private static final int BLOCK = 4096;

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(ints = {0, 1, BLOCK - 1, BLOCK, 16 * BLOCK, 40 * BLOCK + 17})
    void writesTheSameBytes_withZerosHereAndThere(int size) throws Exception {
        byte[] content = new byte[size];
        Random random = new Random(size);
        for (int i = 0; i < size; i++) {
            if (i / BLOCK % 3 == 1) content[i] = (byte) random.nextInt();
        }
        Path file = folder.resolve("file");
        Files.writeString(file, "what was there before");

        SparseFiles.write(new ByteArrayInputStream(content), file);

        assertThat(Files.readAllBytes(file)).isEqualTo(content);
    }

    @Test
    void takesNoBlocksForZeros_andForTheEnd() throws Exception {
        byte[] content = new byte[1 << 20];
        content[300_000] = 1;
        Path file = folder.resolve("file");

        SparseFiles.write(new ByteArrayInputStream(content), file);

        assertThat(Files.size(file)).isEqualTo(1 << 20);
        Process stat = new ProcessBuilder("stat", "-c", "%b", file.toString()).start();
        String blocks = new String(stat.getInputStream().readAllBytes(), UTF_8).strip();
        assertThat(Integer.parseInt(blocks)).isBetween(8, 64); // of 512 bytes
    }

    @Test
    void replacesALink_notWhatItLeadsTo() throws Exception {
        Path other = Files.writeString(folder.resolve("other"), "untouched");
        Path link = Files.createSymbolicLink(folder.resolve("link"), other);

        SparseFiles.write(new ByteArrayInputStream(new byte[] {7}), link);

        assertThat(Files.isSymbolicLink(link)).isFalse();
        assertThat(Files.readString(other)).isEqualTo("untouched");
    }
}
