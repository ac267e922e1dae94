package dev.microvm.boot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.microvm.boot.image.KernelPayload.Compression;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ZstdReaderTest {
    private static final Path ZSTD = Path.of("/usr/bin/zstd");
    private static final int LIMIT = 1 << 26;

    /** The levels use different block and table modes; the last is what the kernel's build uses. */
    @ParameterizedTest
    @ValueSource(strings = {"--fast=5", "-1", "-9", "-19", "--ultra -22 --long=27"})
    void unpacksWhatZstdPacked(String options) throws Exception {
        assumeThat(ZSTD).as("package zstd, to make test data with").exists();
        byte[] program = Files.readAllBytes(ZSTD);

        byte[] unpacked = ZstdReader.unpack(zstd(options), LIMIT);

        assertThat(unpacked).isEqualTo(program);
    }

    @Test
    void unpacksOneByteRepeated() {
        byte[] bytes = new byte[1_000_000];
        Arrays.fill(bytes, (byte) 7);

        assertThat(ZstdReader.unpack(BzImageBuilder.compress(bytes, Compression.ZSTD), LIMIT))
                .isEqualTo(bytes);
    }

    @Test
    void refuses_whenItUnpacksToMoreThanTheLimit() {
        byte[] packed = BzImageBuilder.compress(new byte[10_000_000], Compression.ZSTD);

        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> ZstdReader.unpack(packed, 1_000_000))
                .withMessage("expected an intact zstd payload, found more than 1000000 unpacked bytes");
    }

    /** Packs by the zstd program from its input, whose size it does not know. */
    private static byte[] zstd(String options) throws Exception {
        String command = "cat %s | %s -q -c %s".formatted(ZSTD, ZSTD, options);
        Process process = new ProcessBuilder("sh", "-c", command).start();
        byte[] packed = process.getInputStream().readAllBytes();
        assertThat(process.waitFor()).isZero();
        return packed;
    }
}
