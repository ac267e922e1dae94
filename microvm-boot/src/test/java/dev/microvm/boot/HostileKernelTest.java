package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.ElfBuilder;
import dev.microvm.boot.testing.AllocatedBytes;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.concurrent.CancellationException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.GZIPOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Small kernel files that ask for much work or much heap. The time limit is for what would take
 * minutes.
 */
@Timeout(60)
class HostileKernelTest {
    private static final int MIB = 1 << 20;
    private static final long HUGE = 256L << 20;
    private static final int PROGRAM_HEADER_SIZE = 56;
    private static final int FIRST_HEADER = 64;
    private static final int MAX_HEADERS = 1_160; // that fit into 64 KiB

    @TempDir
    Path folder;

    @Test
    void refusesSegmentsThatShareMemory() {
        byte[] elf = elf(
                MAX_HEADERS,
                130_000,
                (header, index) -> header.putInt(0, 1)
                        .putLong(8, FIRST_HEADER + MAX_HEADERS * PROGRAM_HEADER_SIZE + index)
                        .putLong(24, ElfBuilder.ENTRY)
                        .putLong(32, 1)
                        .putLong(40, 32L * MIB));

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> KernelImage.open(Guests.file(folder, elf)))
                .withMessageContaining("expected ELF segments that share no memory, found one at"
                        + " [0x1000000, 0x3000000) and one at [0x1000000, 0x3000000)");
    }

    @Test
    void refusesToUnpackMoreThanTheGuestHasMemory_whenNotesAreFarInside() {
        Path file = Guests.file(folder, gzip(notesNear(HUGE - MIB), HUGE));
        KernelImage kernel = KernelImage.open(file);

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> plan(kernel))
                .withMessageContaining("a compressed kernel that fits the guest's RAM, which ends at 0x4000000")
                .withMessageContaining("give the guest more memory: 256 MiB or more");
    }

    @Test
    void findsTheNote_whenItIsOneOfMany() {
        int notes = 20;
        byte[] elf = ElfBuilder.kernel(Guests.content(MIB)).pvh().build();
        ElfBuilder builder = ElfBuilder.kernel(Guests.content(MIB));
        for (int i = 0; i < notes; i++) {
            builder.note(new byte[MIB]);
        }
        byte[] many = builder.pvh().build();

        assertThat(plan(kernel(BzImageBuilder.compress(elf, Compression.GZIP))).protocol())
                .isEqualTo(BootProtocol.PVH);
        assertThat(plan(kernel(BzImageBuilder.compress(many, Compression.GZIP))).protocol())
                .isEqualTo(BootProtocol.LINUX64); // behind what is looked at
    }

    @Test
    void refusesASparseFile_withoutReadingItsHole() throws IOException {
        Path file = folder.resolve("sparse");
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.write(new byte[] {0x1F, (byte) 0x8B, 8});
            sparse.setLength(HUGE);
        }

        long allocated = AllocatedBytes.by(() -> assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> KernelImage.open(file))
                .withMessageContaining("expected an intact gzip payload"));

        assertThat(allocated).isLessThan(4 * MIB);
    }

    @Test
    void keepsABzImageInItsFile_whateverItsSize() throws IOException {
        byte[] image = BzImageBuilder.of(ElfBuilder.kernel(new byte[64]).build(), Compression.GZIP)
                .paragraphs((int) (HUGE / 16))
                .build();
        Path file = Guests.file(folder, image);
        try (RandomAccessFile sparse = new RandomAccessFile(file.toFile(), "rw")) {
            sparse.setLength(HUGE + MIB);
        }

        long allocated = AllocatedBytes.by(
                () -> assertThat(KernelImage.open(file).isBzImage()).isTrue());

        assertThat(allocated).isLessThan(4 * MIB);
    }

    @Test
    void refusesEmptyGzipMembers_withoutAStackOverflow() {
        byte[] empty = BzImageBuilder.compress(new byte[0], Compression.GZIP);
        byte[] many = new byte[empty.length * 100_000];
        for (int i = 0; i < many.length; i += empty.length) {
            System.arraycopy(empty, 0, many, i, empty.length);
        }

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> kernel(many))
                .withMessageContaining("is empty");
    }

    /** Each declares the largest window that there is, and unpacks to little. */
    @ParameterizedTest
    @EnumSource
    void takesLittleHeap_whenAKernelUnpacksToLittle(Compression compression) {
        byte[] image = BzImageBuilder.of(ElfBuilder.kernel(Guests.content(MIB)).build(), compression)
                .build();
        BootPlan plan = plan(kernel(image));

        long allocated = AllocatedBytes.by(() -> plan.load(Guests.memory(Guests.RAM_SIZE)));

        assertThat(allocated).isLessThan(24 * MIB);
    }

    /** 100 KB of one byte repeated, which is 256 MiB. */
    @Test
    void takesNoMoreHeapThanTheWindow_whenZstdUnpacksToMuch() {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        byte[] elf = ElfBuilder.kernel(new byte[0x1000]).build();
        frame.writeBytes(zstdHeader(/* windowLog= */ 20));
        frame.writeBytes(zstdBlock(/* type= */ 0, elf.length, elf, false));
        for (int i = 0; i < 2_048; i++) {
            frame.writeBytes(zstdBlock(/* type= */ 1, 128 * 1024, new byte[1], i == 2_047));
        }
        Path target = folder.resolve("vmlinux");
        byte[] image = BzImageBuilder.ofPayload(growSegment(frame.toByteArray(), HUGE - 2 * MIB))
                .initSize((int) HUGE)
                .build();
        KernelImage kernel = kernel(image);

        long allocated = AllocatedBytes.by(() -> kernel.writeVmlinux(target));

        assertThat(target.toFile().length()).isGreaterThan(HUGE - 2 * MIB);
        assertThat(allocated).isLessThan(8 * MIB);
    }

    @Test
    void refusesAWindowAboveWhatLinuxTakes() {
        ByteArrayOutputStream frame = new ByteArrayOutputStream();
        frame.writeBytes(zstdHeader(/* windowLog= */ 28));
        frame.writeBytes(zstdBlock(1, 0x2000, new byte[1], true));

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() ->
                        kernel(BzImageBuilder.ofPayload(frame.toByteArray()).build()))
                .withMessageContaining("a window of 268435456 bytes, above 134217728");
    }

    @ParameterizedTest
    @EnumSource
    void endsTheLoad_whenItIsCancelledInTheMiddle(Compression compression) {
        byte[] image = BzImageBuilder.of(
                        ElfBuilder.kernel(Guests.content(9 * MIB)).build(), compression)
                .build();
        BootPlan plan = plan(kernel(image));
        AtomicInteger asked = new AtomicInteger();

        assertThatExceptionOfType(CancellationException.class)
                .isThrownBy(() -> plan.load(Guests.memory(Guests.RAM_SIZE), () -> asked.incrementAndGet() == 5));
    }

    private interface HeaderWriter {
        void write(ByteBuffer header, int index);
    }

    private static byte[] elf(int headers, int size, HeaderWriter writer) {
        ByteBuffer elf = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        elf.put(ElfBuilder.kernel(new byte[0]).build(), 0, FIRST_HEADER);
        elf.putShort(56, (short) headers);
        for (int i = 0; i < headers; i++) {
            int at = FIRST_HEADER + i * PROGRAM_HEADER_SIZE;
            writer.write(elf.slice(at, PROGRAM_HEADER_SIZE).order(ByteOrder.LITTLE_ENDIAN), i);
        }
        return elf.array();
    }

    /** The start of a kernel with one segment and 20 notes that begin at {@code offset}. */
    private static byte[] notesNear(long offset) {
        return elf(21, MIB, (header, index) -> {
            boolean note = index > 0;
            header.putInt(0, note ? 4 : 1)
                    .putLong(8, note ? offset + index * 64L : 0x1000)
                    .putLong(24, ElfBuilder.ENTRY)
                    .putLong(32, note ? 64 : 0x1000)
                    .putLong(40, note ? 64 : 0x1000);
        });
    }

    /** Packs a head and zeros behind it. */
    private static byte[] gzip(byte[] head, long size) {
        ByteArrayOutputStream out = new ByteArrayOutputStream();
        try (GZIPOutputStream gzip = new GZIPOutputStream(out)) {
            gzip.write(head);
            for (long left = size - head.length; left > 0; left -= MIB) {
                gzip.write(new byte[MIB]);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        return out.toByteArray();
    }

    private static byte[] zstdHeader(int windowLog) {
        return new byte[] {0x28, (byte) 0xB5, 0x2F, (byte) 0xFD, 0, (byte) ((windowLog - 10) << 3)};
    }

    private static byte[] zstdBlock(int type, int size, byte[] content, boolean last) {
        int header = size << 3 | type << 1 | (last ? 1 : 0);
        ByteBuffer block = ByteBuffer.allocate(3 + content.length);
        block.put((byte) header).put((byte) (header >> 8)).put((byte) (header >> 16));
        return block.put(content).array();
    }

    /** Lets the only segment of an ELF file, 9 bytes behind the start, have {@code size} bytes. */
    private static byte[] growSegment(byte[] frame, long size) {
        MemorySegment header = MemorySegment.ofArray(frame).asSlice(9 + FIRST_HEADER);
        ByteBuffer fields = header.asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
        fields.putLong(32, size).putLong(40, size);
        return frame;
    }

    private KernelImage kernel(byte[] image) {
        return KernelImage.open(Guests.file(folder, image));
    }

    private static BootPlan plan(KernelImage kernel) {
        return BootPlan.builder(kernel, BootLayout.memoryMap(Guests.RAM_SIZE)).build();
    }
}
