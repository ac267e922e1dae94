package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.ElfBuilder;
import dev.microvm.boot.image.FileImage;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.boot.image.MultibootBuilder;
import dev.microvm.boot.image.PackedImage;
import dev.microvm.boot.testing.AllocatedBytes;
import dev.microvm.boot.testing.CpuTime;
import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile kernels and initial file systems: each is refused, or does what it says, with bounded
 * heap and in bounded time. In an ordinary build the samples are tried, and what is in {@code
 * src/test/resources/.../BootFuzzTestInputs}; with JAZZER_FUZZ=1 Jazzer looks for new ones.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class BootFuzzTest {
    private static final int CHANGE = 4; // bytes: where, and what
    private static final long MIB = 1 << 20;

    /** Buffers and headers. */
    private static final long LITTLE_HEAP = 16 * MIB;

    /** The largest dictionary of XZ, and the largest window of zstd with what is behind it. */
    private static final long DICTIONARY_HEAP = 256 * MIB;

    /** An input of 4 KiB takes some milliseconds; what this is for takes minutes. */
    private static final Duration MUCH_TIME = Duration.ofSeconds(10);

    private static final GuestMemory MEMORY = Guests.memory(Guests.RAM_SIZE);
    private static final byte[] ELF =
            ElfBuilder.kernel(Guests.content(20_000)).pvh().build();
    private static final List<Compression> COMPRESSIONS = List.of(Compression.values());
    private static final List<byte[]> KERNELS = kernels();
    private static final List<byte[]> BASES = bases();

    @TempDir
    private static Path directory;

    static Stream<byte[]> samples() {
        return IntStream.range(0, 200).mapToObj(seed -> {
            Random random = new Random(seed);
            byte[] changes = new byte[1 + CHANGE * (1 + random.nextInt(4))];
            random.nextBytes(changes);
            return changes;
        });
    }

    /** An intact kernel of any format with some bytes changed is planned and loaded, or refused. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void kernel(byte[] script) {
        planAndLoad(write(changed(KERNELS, script)));
    }

    /** The bytes themselves are a kernel. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void rawKernel(byte[] image) {
        planAndLoad(write(image));
    }

    private static void planAndLoad(Path file) {
        bounded(DICTIONARY_HEAP, () -> {
            try {
                BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(Guests.RAM_SIZE))
                        .build()
                        .load(MEMORY);
            } catch (BootException e) {
                assertThat(e.expected()).isNotEmpty();
            }
        });
    }

    /** The first byte chooses a decompressor; the others are what it unpacks, with a magic number. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void decompressor(byte[] input) {
        if (input.length == 0) return;
        Compression compression = COMPRESSIONS.get((input[0] & 0xFF) % COMPRESSIONS.size());
        byte[] magic = Arrays.copyOf(
                BzImageBuilder.compress(new byte[0], compression), compression == Compression.LZMA ? 1 : 3);
        byte[] packed = Arrays.copyOf(magic, magic.length + input.length - 1);
        System.arraycopy(input, 1, packed, magic.length, input.length - 1);
        Path file = write(packed);

        boolean dictionary = switch (compression) {
            case XZ, LZMA, ZSTD, LZ4 -> true;
            case GZIP, BZIP2 -> false;
        };
        bounded(dictionary ? DICTIONARY_HEAP : LITTLE_HEAP, () -> {
            try {
                new PackedImage(compression, new FileImage(file, 0, packed.length)).head((int) MIB);
            } catch (InvalidImageException e) {
                assertThat(e.expected()).isNotEmpty();
            }
        });
    }

    /** An intact base with some bytes changed. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void initramfsBase(byte[] script) {
        byte[] base = changed(BASES, script);

        bounded(DICTIONARY_HEAP, () -> extend(base));
    }

    /** The bytes themselves are a base. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void rawBase(byte[] base) {
        bounded(DICTIONARY_HEAP, () -> extend(base));
    }

    private static void extend(byte[] base) {
        try {
            Initramfs.builder()
                    .base(base)
                    .file("/lib/modules/a", "a", 0644)
                    .file("/etc/x", "x", 0644)
                    .build()
                    .toBytes();
        } catch (BootException e) {
            assertThat(e.expected()).isNotEmpty();
        }
    }

    private static void bounded(long heap, Runnable action) {
        long allocated = allocatedBy(action);
        // The first run also loads classes, which Jazzer instruments on this thread: measure again.
        if (allocated >= heap) allocated = allocatedBy(action);
        assertThat(allocated).as("allocated bytes").isLessThan(heap);
    }

    private static long allocatedBy(Runnable action) {
        return AllocatedBytes.by(
                () -> assertThat(CpuTime.of(action)).as("CPU time").isLessThan(MUCH_TIME));
    }

    /** Chooses one by the first byte, and changes bytes of it as the others say. */
    private static byte[] changed(List<byte[]> intact, byte[] script) {
        ByteBuffer changes = ByteBuffer.wrap(script);
        int choice = changes.hasRemaining() ? changes.get() & 0xFF : 0;
        byte[] bytes = intact.get(choice % intact.size()).clone();
        while (changes.remaining() >= CHANGE) {
            int place = changes.getShort() & 0xFFFF;
            bytes[place % bytes.length] = changes.get();
            int spread = changes.get(); // headers more often than the rest
            if (spread < 0) bytes[(place & 0x3FF) % bytes.length] = (byte) spread;
        }
        return bytes;
    }

    private static List<byte[]> kernels() {
        List<byte[]> kernels = new ArrayList<>();
        kernels.add(ELF);
        kernels.add(ElfBuilder.kernel(Guests.content(20_000)).bits(32).pvh().build());
        kernels.add(BzImageBuilder.ofPayload(ELF).build());
        kernels.add(BzImageBuilder.compress(ELF, Compression.GZIP));
        kernels.add(MultibootBuilder.flat(Guests.content(20_000)).build());
        for (Compression compression : Compression.values()) {
            kernels.add(BzImageBuilder.of(ELF, compression).build());
        }
        return kernels;
    }

    private static List<byte[]> bases() {
        byte[] plain = Initramfs.builder()
                .symlink("/lib", "usr/lib")
                .directory("/usr/lib", 0755)
                .symlink("/etc", "/lib/../etc2")
                .file("/bin/x", Guests.content(1_000), 0755)
                .build()
                .toBytes();
        List<byte[]> bases = new ArrayList<>();
        bases.add(plain);
        for (Compression compression : Compression.values()) {
            bases.add(BzImageBuilder.compress(plain, compression));
        }
        return bases;
    }

    private static Path write(byte[] bytes) {
        try {
            return Files.write(directory.resolve("image"), bytes);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
