package dev.microvm.backend.disk;

import com.code_intelligence.jazzer.junit.FuzzTest;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile images. In an ordinary build the samples, and what is in {@code
 * src/test/resources/.../Qcow2FuzzTestInputs}, are tried; with JAZZER_FUZZ=1 Jazzer looks for new
 * ones.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class Qcow2FuzzTest {
    private static final int CHANGE = 4; // bytes: where, and what

    @TempDir
    private static Path directory;

    static Stream<byte[]> samples() {
        return IntStream.range(0, 300).mapToObj(seed -> {
            Random random = new Random(seed);
            byte[] changes = new byte[CHANGE * (1 + random.nextInt(4))];
            random.nextBytes(changes);
            return changes;
        });
    }

    /**
     * An intact image with some bytes changed; requests all over it end in time, with a
     * BlockException at worst.
     */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void image(byte[] script) throws IOException {
        byte[] image = new Qcow2Builder().bytes();
        ByteBuffer changes = ByteBuffer.wrap(script);
        while (changes.remaining() >= CHANGE) {
            image[place(changes.getShort() & 0xFFFF)] = changes.get();
            changes.get();
        }
        Path path = Files.write(directory.resolve("image"), image);
        try (BlockBackend disk = DiskImage.qcow2(path).open()) {
            long[] positions = {0, 4096, 8191, 2 << 20, disk.size() - 512};
            for (long position : positions) {
                tryAll(disk, Math.min(position, disk.size() - 512) & -512);
            }
        } catch (BlockException e) {
            // The image is refused, or turned out to be corrupt.
        }
    }

    /** The header, and the starts of tables, more often than the rest. */
    private static int place(int number) {
        int offset = number >>> 3 & 0x7F;
        return switch (number & 7) {
            case 0 -> Qcow2Builder.REFCOUNT_TABLE + offset;
            case 1 -> Qcow2Builder.REFCOUNT_BLOCK + offset;
            case 2 -> Qcow2Builder.L1 + (offset & 31);
            case 3, 4 -> Qcow2Builder.L2 + offset;
            default -> offset;
        };
    }

    private static void tryAll(BlockBackend disk, long position) {
        int length = (int) Math.min(8192, disk.size() - position);
        attempt(() -> Disk.read(disk, position, length));
        attempt(() -> Disk.write(disk, position, new byte[length]));
        attempt(() -> disk.discard(position, length));
        attempt(disk::flush);
        attempt(() -> disk.writeZeroes(position, length, /* mayUnmap= */ false));
        attempt(() -> Disk.write(disk, position, new byte[512]));
    }

    private static void attempt(Runnable request) {
        try {
            request.run();
        } catch (BlockException e) {
            // What a guest gets as an I/O error.
        }
    }
}
