package dev.microvm.boot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.microvm.boot.testing.AllocatedBytes;
import dev.microvm.limits.Budget;
import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.tukaani.xz.LZMA2Options;
import org.tukaani.xz.XZOutputStream;

class DecompressorsTest {
    private static final Path ZSTD = Path.of("/usr/bin/zstd");
    private static final int LIMIT = 1 << 26;

    /** The levels use different block and table modes; the last is what the kernel's build uses. */
    @ParameterizedTest
    @ValueSource(strings = {"--fast=5", "-1", "-9", "-19", "--ultra -22 --long=27"})
    void unpacksWhatZstdPacked(String options) throws Exception {
        assumeThat(ZSTD).as("package zstd, to make test data with").exists();
        byte[] program = Files.readAllBytes(ZSTD);

        byte[] unpacked = unpackZstd(zstd(options), LIMIT);

        assertThat(unpacked).isEqualTo(program);
    }

    @Test
    void unpacksOneByteRepeated() {
        byte[] bytes = new byte[1_000_000];
        Arrays.fill(bytes, (byte) 7);

        assertThat(unpackZstd(BzImageBuilder.compress(bytes, Compression.ZSTD), LIMIT))
                .isEqualTo(bytes);
    }

    @ParameterizedTest
    @EnumSource
    void unpacksTheStart_whenNoMoreIsWanted(Compression compression) {
        byte[] bytes = new byte[1_000_000];
        new Random(3).nextBytes(bytes);

        byte[] head = unpack(BzImageBuilder.compress(bytes, compression), compression, 300_000);

        assertThat(head).isEqualTo(Arrays.copyOf(bytes, 300_000));
    }

    /** So that what follows in an initial file system can be read. */
    @ParameterizedTest
    @EnumSource(names = "LZ4", mode = EnumSource.Mode.EXCLUDE) // its end is the end of the input, or a zero
    void readsNothingBehindTheCompressedData(Compression compression) throws IOException {
        byte[] bytes = new byte[300_000];
        new Random(4).nextBytes(bytes);
        byte[] packed = BzImageBuilder.compress(bytes, compression);
        int trailer = compression == Compression.GZIP ? 0 : Integer.BYTES; // of BzImageBuilder
        byte[] two = Arrays.copyOf(packed, packed.length - trailer + 100_000);
        Arrays.fill(two, packed.length - trailer, two.length, (byte) 7);

        InputStream in = new BufferedInputStream(new ByteArrayInputStream(two));
        try (UnpackingHeap heap = new UnpackingHeap("test", Cancellation.NEVER)) {
            InputStream unpacked = Decompressors.stream(compression, in, Long.MAX_VALUE / 2, heap, false);
            assertThat(unpacked.readAllBytes()).hasSize(300_000);
        }

        byte[] rest = in.readAllBytes();
        assertThat(rest.length).isEqualTo(100_000);
        assertThat(rest[0]).isEqualTo((byte) 7);
    }

    @ParameterizedTest
    @EnumSource
    void saysWhatItNeeds_whenTheBudgetIsSmaller(Compression compression) {
        byte[] packed = BzImageBuilder.compress(new byte[300_000], compression);
        UnpackingHeap heap = new UnpackingHeap("test", Cancellation.NEVER, new Budget("bytes", 1_000), 0);

        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> Decompressors.stream(
                                compression,
                                new BufferedInputStream(new ByteArrayInputStream(packed)),
                                1_000_000,
                                heap,
                                true)
                        .read())
                .withMessageContaining("-Dmicrovm.budget.unpacking")
                .withMessageContaining("bytes of heap: the budget is 1000");
    }

    @Test
    void waitsForOthers_untilTheLoadIsCancelled() {
        Budget budget = new Budget("bytes", 1_000);
        budget.open("other", () -> {}).tryTake(1_000);
        AtomicInteger asked = new AtomicInteger();
        Cancellation cancellation = Cancellation.when(() -> asked.incrementAndGet() == 3);
        UnpackingHeap heap = new UnpackingHeap("test", cancellation, budget, Long.MAX_VALUE);

        assertThatExceptionOfType(CancellationException.class).isThrownBy(() -> heap.accept(900));
    }

    @Test
    void refuses_whenOthersUseTheBudgetForTooLong() {
        Budget budget = new Budget("bytes", 1_000);
        budget.open("other", () -> {}).tryTake(1_000);
        UnpackingHeap heap = new UnpackingHeap("test", Cancellation.NEVER, budget, 0);

        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> heap.accept(900))
                .withMessageContaining("others use 1000 of the budget of 1000");
    }

    /** Without a cache, each would allocate its dictionary. */
    @Test
    void allocatesOneDictionary_whenXzHasManyEmptyBlocks() throws IOException {
        byte[] packed = xzOfBlocks(2_000);

        long allocated = AllocatedBytes.by(() -> unpack(packed, Compression.XZ, 1_000));

        assertThat(allocated).isLessThan(80L << 20);
    }

    /** A stream of one block that is repeated, without a correct end. */
    private static byte[] xzOfBlocks(int count) throws IOException {
        ByteArrayOutputStream one = new ByteArrayOutputStream();
        LZMA2Options options = new LZMA2Options(1);
        options.setDictSize(32 << 20);
        try (XZOutputStream xz = new XZOutputStream(one, options)) {
            xz.write(1);
        }
        byte[] whole = one.toByteArray(); // header and footer of 12 bytes; the latter has the index's size: 2.1.2.2
        int indexSize = 4 * (LittleEndian.getInt(whole, whole.length - 8) + 1);
        ByteArrayOutputStream many = new ByteArrayOutputStream();
        many.write(whole, 0, 12);
        for (int i = 0; i < count; i++) {
            many.write(whole, 12, whole.length - 24 - indexSize);
        }
        return many.toByteArray();
    }

    private static byte[] unpackZstd(byte[] packed, int limit) {
        return unpack(packed, Compression.ZSTD, limit);
    }

    private static byte[] unpack(byte[] packed, Compression compression, int limit) {
        InputStream in = new BufferedInputStream(new ByteArrayInputStream(packed));
        try (UnpackingHeap heap = new UnpackingHeap("test", Cancellation.NEVER);
                InputStream unpacked = Decompressors.stream(compression, in, limit, heap, true)) {
            return unpacked.readNBytes(limit);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
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
