package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.image.Compression;
import dev.microvm.boot.image.ElfBuilder;
import dev.microvm.memory.GuestMemory;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

class KernelImageTest {
    private static final String KERNEL =
            "expected a kernel for x86 (an ELF vmlinux, a bzImage, or a flat image with a Multiboot header), found ";
    /** More than one block of zstd (128 KiB), of bzip2 (900 kB) and of LZ4 (8 MiB). */
    private static final byte[] CONTENT = Guests.content(9_000_000);

    /** A memory map for guests whose memory is not checked. */
    private static final GuestMemory SHARED = Guests.memory(Guests.RAM_SIZE);

    @TempDir
    Path folder;

    @Test
    void refuses_whenFileIsMissing() {
        refusal(folder.resolve("vmlinuz"), folder.resolve("vmlinuz") + ": " + KERNEL + "no such file");
    }

    @Test
    void refuses_whenFileIsADirectory() {
        refusal(folder, folder + ": " + KERNEL + "a directory");
    }

    @Test
    void refuses_whenFileIsEmpty() {
        refusal(new byte[0], KERNEL + "a file that is empty");
    }

    @Test
    void refuses_whenFileIsText() {
        refusal(
                "hello, world".getBytes(StandardCharsets.US_ASCII),
                KERNEL + "a file that begins with 68 65 6c 6c 6f 2c 20 77");
    }

    @ParameterizedTest
    @MethodSource("otherFiles")
    void namesWhatTheFileIs(String what, String magic, int at) {
        byte[] file = new byte[0x800];
        byte[] bytes = magic.getBytes(StandardCharsets.ISO_8859_1);
        System.arraycopy(bytes, 0, file, at, bytes.length);

        refusal(file, KERNEL + what);
    }

    static Stream<Arguments> otherFiles() {
        return Stream.of(
                Arguments.of("an arm64 kernel, for another processor", "ARMd", 0x38),
                Arguments.of("a 32-bit ARM kernel, for another processor", "\u0018(o\u0001", 0x24),
                Arguments.of("a RISC-V kernel, for another processor", "RSC\u0005", 0x38),
                Arguments.of("a qcow2 disk image: give it to virtioBlk", "QFI\u00FB", 0),
                Arguments.of("a squashfs file system", "hsqs", 0),
                Arguments.of("a tar archive", "ustar", 257),
                Arguments.of("a cpio archive, which is an initial file system: give it to initrd", "070701", 0),
                Arguments.of("an ext2, ext3 or ext4 file system", "S\u00EF", 0x438),
                Arguments.of("a DOS or Windows program", "MZ", 0),
                Arguments.of("a file compressed by zstd, not a kernel: unpack it first", "(\u00B5/\u00FD", 0));
    }

    @Test
    void namesAProgramForEfi() {
        byte[] file = new byte[0x800];
        file[0] = 'M';
        file[1] = 'Z';
        file[0x3C] = 0x40;
        file[0x40] = 'P';
        file[0x41] = 'E';

        refusal(file, KERNEL + "a PE program, such as one for EFI, without a Linux boot header");
    }

    @Test
    void refuses_whenElfIsForArm() {
        refusal(
                ElfBuilder.kernel(new byte[64]).machine(183).build(),
                "found one for another processor: arm64 (machine 183)");
    }

    @Test
    void refuses_whenElfIs32Bit_andHasNeitherPvhEntryNorMultibootHeader() {
        byte[] elf = ElfBuilder.kernel(new byte[64]).bits(32).build();

        planRefusal(
                elf,
                BootProtocol.AUTO,
                Unpacking.AUTO,
                "expected a 64-bit ELF file, or one with a PVH entry point or a Multiboot header, found a 32-bit one; "
                        + "of Multiboot headers, none in the first 4160 bytes");
        planRefusal(elf, BootProtocol.LINUX64, Unpacking.AUTO, "expected a 64-bit ELF file");
    }

    @Test
    void findsPvhEntry_whenElfIs32Bit() {
        byte[] elf = ElfBuilder.kernel(CONTENT).bits(32).pvh().build();

        assertThat(plan(elf, BootProtocol.AUTO, Unpacking.AUTO).entry()).isEqualTo(ElfBuilder.PVH_ENTRY);
    }

    @Test
    void refuses_whenABzImageIsCompressedByGzip() {
        refusal(
                BzImageBuilder.compress(bzImage(Compression.LZ4).build(), Compression.GZIP),
                "expected a bzImage as it is, or another kernel compressed by gzip, found a bzImage compressed by gzip");
    }

    @Test
    void loadsAnElfFileThatIsCompressedByGzip() {
        byte[] elf = ElfBuilder.kernel(CONTENT).pvh().build();
        GuestMemory memory = Guests.memory(Guests.RAM_SIZE);
        BootPlan plan = plan(BzImageBuilder.compress(elf, Compression.GZIP), BootProtocol.AUTO, Unpacking.AUTO);

        plan.load(memory);

        assertThat(plan.entry()).isEqualTo(ElfBuilder.PVH_ENTRY);
        assertThat(memory.read(ElfBuilder.ENTRY, CONTENT.length)).isEqualTo(CONTENT);
    }

    @Test
    void refuses_whenAGzipFileIsCutShort() {
        byte[] file = BzImageBuilder.compress(
                ElfBuilder.kernel(Guests.content(300_000)).build(), Compression.GZIP);

        refusal(Arrays.copyOf(file, 100), "expected an intact gzip payload, found one that is cut short");
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 60, 100, 0x1010})
    void refuses_whenElfIsCutShort(int size) {
        refusal(Arrays.copyOf(ElfBuilder.kernel(new byte[64]).build(), size), "expected ");
    }

    @ParameterizedTest
    @ValueSource(ints = {0x206, 0x240, 0x263})
    void refuses_whenBzImageIsCutInTheHeader(int size) {
        byte[] image = bzImage(Compression.GZIP).build();

        refusal(
                Arrays.copyOf(image, size),
                "expected a bzImage header of 0x264 bytes, found 0x%x bytes: the image is cut short".formatted(size));
    }

    @ParameterizedTest
    @ValueSource(ints = {0x264, 0xA00, 0xF00})
    void refuses_whenBzImageIsCutShort(int size) {
        byte[] image = bzImage(Compression.GZIP).build();

        refusal(
                Arrays.copyOf(image, size),
                "expected a bzImage of 0x%x bytes (setup_sects, syssize), found 0x%x bytes: the image is cut short"
                        .formatted(image.length, size));
    }

    /** The header has its size in paragraphs of 16 bytes. */
    @Test
    void loadsABzImage_whoseLastParagraphIsNotFull() {
        byte[] full = BzImageBuilder.ofPayload(Guests.content(1025)).build(); // one byte in the last

        KernelImage kernel = KernelImage.open(Guests.file(folder, Arrays.copyOf(full, full.length - 15)));

        assertThat(kernel.isBzImage()).isTrue();
        refusal(Arrays.copyOf(full, full.length - 16), "expected a bzImage of 0x%x bytes".formatted(full.length));
    }

    @Test
    void isRead_whenTheThreadIsInterrupted() {
        byte[] elf = ElfBuilder.kernel(CONTENT).pvh().build();
        GuestMemory memory = Guests.memory(Guests.RAM_SIZE);

        Path file = Guests.file(folder, elf);
        Thread.currentThread().interrupt();
        BootPlan.builder(KernelImage.open(file), BootLayout.memoryMap(Guests.RAM_SIZE))
                .build()
                .load(memory);

        assertThat(Thread.interrupted()).as("the interrupt is still there").isTrue();
        assertThat(memory.read(ElfBuilder.ENTRY, CONTENT.length)).isEqualTo(CONTENT);
    }

    @Test
    void refuses_whenBzImageIsTooOld() {
        refusal(
                bzImage(Compression.GZIP).version(0x206).build(),
                "expected a bzImage of boot protocol 2.10 (Linux 2.6.31) or later, found version 2.6");
    }

    @Test
    void refuses_whenPayloadIsNoElf() {
        byte[] payload = BzImageBuilder.compress(new byte[10_000], Compression.LZ4);

        refusal(BzImageBuilder.ofPayload(payload).build(), "expected an ELF file, found one that begins with 00 00");
    }

    @ParameterizedTest
    @EnumSource
    void loadsTheKernelInside_whateverCompressesIt(Compression compression) {
        byte[] elf = ElfBuilder.kernel(CONTENT).pvh().build();
        byte[] image = BzImageBuilder.of(elf, compression).build();
        GuestMemory memory = Guests.memory(Guests.RAM_SIZE);

        plan(image, BootProtocol.AUTO, Unpacking.HOST).load(memory);

        assertThat(memory.read(ElfBuilder.ENTRY, CONTENT.length)).isEqualTo(CONTENT);
    }

    @ParameterizedTest
    @EnumSource
    void findsPvhEntry_whateverCompressesTheKernel(Compression compression) {
        byte[] elf = ElfBuilder.kernel(CONTENT).pvh().build();
        byte[] image = BzImageBuilder.of(elf, compression).build();

        assertThat(plan(image, BootProtocol.PVH, Unpacking.HOST).entry()).isEqualTo(ElfBuilder.PVH_ENTRY);
    }

    @ParameterizedTest
    @EnumSource
    void refuses_whenPayloadIsCutShort(Compression compression) {
        byte[] payload = BzImageBuilder.compress(ElfBuilder.kernel(CONTENT).build(), compression);
        byte[] image = BzImageBuilder.ofPayload(Arrays.copyOf(payload, payload.length / 2))
                .build();

        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> load(image))
                .withMessageContaining("expected ");
    }

    /**
     * A payload with changed bytes either unpacks to something else or is refused, and has no other
     * effect.
     */
    @ParameterizedTest
    @EnumSource
    void throwsNothingButBootException_whenPayloadIsCorrupt(Compression compression) {
        byte[] elf = ElfBuilder.kernel(Guests.content(300_000)).pvh().build();
        byte[] payload = BzImageBuilder.compress(elf, compression);
        Random random = new Random(7);

        for (int round = 0; round < 40; round++) {
            byte[] corrupt = payload.clone();
            int changes = 1 + random.nextInt(8);
            for (int i = 0; i < changes; i++) {
                corrupt[6 + random.nextInt(corrupt.length - 6)] = (byte) random.nextInt(256);
            }
            loadIgnoringRefusal(BzImageBuilder.ofPayload(corrupt).build());
        }
    }

    /** The same with an image's headers. */
    @Test
    void throwsNothingButBootException_whenHeadersAreCorrupt() {
        byte[] elf = ElfBuilder.kernel(Guests.content(3_000)).pvh().build();
        byte[] bzImage = BzImageBuilder.of(elf, Compression.LZ4).build();
        Random random = new Random(8);

        for (int round = 0; round < 300; round++) {
            byte[] corruptElf = elf.clone();
            corruptElf[4 + random.nextInt(230)] = (byte) random.nextInt(256);
            loadIgnoringRefusal(corruptElf);
            byte[] corruptImage = bzImage.clone();
            corruptImage[0x1F1 + random.nextInt(0x80)] = (byte) random.nextInt(256);
            loadIgnoringRefusal(corruptImage);
        }
    }

    @Test
    void letsTheGuestUnpack_whenCompressionIsUnknown() {
        byte[] image = BzImageBuilder.ofPayload(new byte[] {(byte) 0x89, 'L', 'Z', 'O'})
                .build();

        BootPlan plan = plan(image, BootProtocol.AUTO, Unpacking.AUTO);

        assertThat(plan.guestUnpacks()).isTrue();
        assertThat(plan.entry()).isEqualTo(0x100_0200);
    }

    @Test
    void refuses_whenHostIsToUnpackWhatItCannot() {
        byte[] image = BzImageBuilder.ofPayload(new byte[] {(byte) 0x89, 'L', 'Z', 'O'})
                .build();

        planRefusal(image, BootProtocol.AUTO, Unpacking.HOST, "found another compression: let the guest unpack it");
    }

    @Test
    void refuses_whenGuestIsToUnpackButHasNo64BitEntry() {
        planRefusal(
                bzImage(Compression.GZIP).xloadflags(0).build(),
                BootProtocol.AUTO,
                Unpacking.GUEST,
                "expected a bzImage with a 64-bit entry point (XLF_KERNEL_64), found one without");
    }

    @Test
    void refuses_whenPvhIsForcedAndTheGuestUnpacks() {
        planRefusal(
                bzImage(Compression.GZIP).build(),
                BootProtocol.PVH,
                Unpacking.GUEST,
                "expected a kernel that can be unpacked here, for PVH, found one that must unpack itself");
    }

    @Test
    void refuses_whenPvhIsForcedWithoutItsNote() {
        planRefusal(
                ElfBuilder.kernel(new byte[64]).build(),
                BootProtocol.PVH,
                Unpacking.AUTO,
                "expected a kernel with a PVH entry point (Xen ELF note 18), found none: use LINUX64");
    }

    private static BzImageBuilder bzImage(Compression compression) {
        return BzImageBuilder.of(ElfBuilder.kernel(Guests.content(5_000)).build(), compression);
    }

    private BootPlan plan(byte[] image, BootProtocol protocol, Unpacking unpacking) {
        return BootPlan.builder(KernelImage.open(Guests.file(folder, image)), BootLayout.memoryMap(Guests.RAM_SIZE))
                .protocol(protocol)
                .unpacking(unpacking)
                .build();
    }

    private void load(byte[] image) {
        plan(image, BootProtocol.AUTO, Unpacking.AUTO).load(Guests.memory(Guests.RAM_SIZE));
    }

    private void loadIgnoringRefusal(byte[] image) {
        Path file = Guests.file(folder, image);
        try {
            KernelImage kernel = KernelImage.open(file);
            BootPlan.builder(kernel, BootLayout.memoryMap(Guests.RAM_SIZE))
                    .build()
                    .load(SHARED);
        } catch (BootException e) {
            assertThat(e.expected()).isNotEmpty();
        } finally {
            assertThat(file.toFile().delete()).isTrue();
        }
    }

    private void planRefusal(byte[] image, BootProtocol protocol, Unpacking unpacking, String message) {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> plan(image, protocol, unpacking))
                .withMessageContaining(message);
    }

    private void refusal(byte[] image, String message) {
        refusal(Guests.file(folder, image), message);
    }

    private static void refusal(Path file, String message) {
        assertThatExceptionOfType(BootException.class)
                .isThrownBy(() -> KernelImage.open(file))
                .withMessageContaining(message);
    }
}
