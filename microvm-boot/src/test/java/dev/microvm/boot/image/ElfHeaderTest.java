package dev.microvm.boot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.boot.image.ElfHeader.Segment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ElfHeaderTest {
    private static final byte[] CONTENT = new byte[0x2000];
    private static final int FIRST_PROGRAM_HEADER = 64;

    @Test
    void parsesEntryAndSegments_whenFileIsAKernel() {
        byte[] elf = ElfBuilder.kernel(CONTENT).build();

        ElfHeader header = ElfHeader.parse(elf, elf.length);

        assertThat(header.entry()).isEqualTo(0x100_0000);
        assertThat(header.start()).isEqualTo(0x100_0000);
        assertThat(header.end()).isEqualTo(0x100_0000 + 0x2000 + 0x3000);
        assertThat(header.fileEnd()).isEqualTo(elf.length);
    }

    @Test
    void parsesEntryAndSegments_whenFileIs32Bit() {
        byte[] elf = new ElfBuilder()
                .bits(32)
                .segment(0xC010_0000L, 0x10_0000, CONTENT, 0x5000)
                .segment(0x80_0000, CONTENT, CONTENT.length)
                .entry(0xC010_0010L)
                .build();

        ElfHeader header = ElfHeader.parse(elf, elf.length);

        assertThat(header.is64Bit()).isFalse();
        assertThat(header.entry()).isEqualTo(0xC010_0010L);
        assertThat(header.segments())
                .containsExactly(
                        new Segment(ElfHeader.PT_LOAD, 0x1000, 0xC010_0000L, 0x10_0000, 0x2000, 0x5000),
                        new Segment(ElfHeader.PT_LOAD, 0x3000, 0x80_0000, 0x80_0000, 0x2000, 0x2000));
    }

    @ParameterizedTest
    @ValueSource(ints = {32, 64})
    void translatesTheEntry_whenItIsVirtual(int bits) {
        byte[] elf = new ElfBuilder()
                .bits(bits)
                .segment(0x10_0000, CONTENT, 0x4000)
                .segment(0xC040_0000L, 0x40_0000, CONTENT, 0x4000)
                .entry(0xC040_3FFFL)
                .build();

        assertThat(ElfHeader.parse(elf, elf.length).physicalEntry()).isEqualTo(0x40_3FFF);
    }

    @Test
    void takesTheEntryAsItIs_whenNoSegmentHasItsVirtualAddress() {
        byte[] elf = new ElfBuilder()
                .segment(0xC010_0000L, 0x10_0000, CONTENT, 0x4000)
                .entry(0x10_0010)
                .build();

        assertThat(ElfHeader.parse(elf, elf.length).physicalEntry()).isEqualTo(0x10_0010);
    }

    @Test
    void refuses_whenA32BitFileIsFor64BitX86() {
        refusal(
                ElfBuilder.kernel(CONTENT).bits(32).machine(62).build(),
                "expected an ELF file for 32-bit x86 (machine 3, little-endian), found machine 62, data encoding 1");
    }

    @Test
    void refuses_whenFileIsOfNoClass() {
        refusal(
                ElfBuilder.kernel(CONTENT).elfClass(3).build(),
                "expected a 64-bit or 32-bit ELF file (class 2 or 1), found class 3");
    }

    @Test
    void forgetsSections_whateverTheClass() {
        for (int bits : new int[] {32, 64}) {
            byte[] head = ElfBuilder.kernel(CONTENT).bits(bits).build();
            byte[] wanted = head.clone();
            Arrays.fill(head, bits == 32 ? 32 : 40, bits == 32 ? 36 : 48, (byte) 0xA5);
            Arrays.fill(head, bits == 32 ? 48 : 60, bits == 32 ? 52 : 64, (byte) 0xA5);

            ElfHeader.forgetSections(head);

            assertThat(head).isEqualTo(wanted);
        }
    }

    @Test
    void refuses_whenFileIsForArm() {
        refusal(
                ElfBuilder.kernel(CONTENT).machine(183).build(),
                "expected an ELF file for x86-64 or 32-bit x86, found one for another processor: arm64 (machine 183)");
    }

    @Test
    void refuses_whenNothingIsToBeLoaded() {
        refusal(
                new ElfBuilder().pvh().build(),
                "expected an ELF file with a segment to load, found none of type PT_LOAD");
    }

    @ParameterizedTest
    @ValueSource(ints = {5, 16, 63})
    void refuses_whenCutInTheHeader(int size) {
        refusal(
                Arrays.copyOf(ElfBuilder.kernel(CONTENT).build(), size),
                "expected an ELF header of 64 bytes, found %d bytes".formatted(size));
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 5, 51})
    void refuses_whenA32BitFileIsCutInTheHeader(int size) {
        refusal(
                Arrays.copyOf(ElfBuilder.kernel(CONTENT).bits(32).build(), size),
                "expected an ELF header of 52 bytes, found %d bytes".formatted(size));
    }

    @ParameterizedTest
    @ValueSource(ints = {64, 100, 119})
    void refuses_whenCutInTheProgramHeaders(int size) {
        refusal(
                Arrays.copyOf(ElfBuilder.kernel(CONTENT).build(), size),
                "expected 1 ELF program headers within the first 0x%x bytes, found them at [0x40, +0x38)"
                        .formatted(size));
    }

    @ParameterizedTest
    @ValueSource(ints = {120, 0x1000, 0x2000, 0x2FFF})
    void refuses_whenCutInTheSegment(int size) {
        refusal(
                Arrays.copyOf(ElfBuilder.kernel(CONTENT).build(), size),
                ("expected ELF segment 0 within the image's 0x%x bytes, "
                                + "found it at file offset [0x1000, +0x2000): the image is cut short")
                        .formatted(size));
    }

    @Test
    void refuses_whenMemorySizeIsBelowFileSize() {
        refusal(
                new ElfBuilder().segment(0x100_0000, CONTENT, 0x1000).build(),
                "with a memory size of at least its file size");
    }

    @Test
    void refuses_whenSegmentWrapsAround() {
        refusal(new ElfBuilder().segment(Long.MAX_VALUE - 5, CONTENT, 0x2000).build(), "below 2^63");
    }

    @Test
    void refuses_whenSegmentOffsetIsHuge() {
        byte[] elf = ElfBuilder.kernel(CONTENT).build();
        ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN).putLong(FIRST_PROGRAM_HEADER + 8, Long.MAX_VALUE);

        refusal(elf, "cut short");
    }

    @Test
    void refuses_whenSegmentsShareBytesOfTheFile() {
        byte[] elf =
                ElfBuilder.kernel(CONTENT).segment(0x200_0000, CONTENT, 0x2000).build();
        ByteBuffer.wrap(elf).order(ByteOrder.LITTLE_ENDIAN).putLong(FIRST_PROGRAM_HEADER + 56 + 8, 0x1800);

        refusal(elf, "ELF segments that share no bytes of the file");
    }

    private static void refusal(byte[] elf, String message) {
        assertThatExceptionOfType(InvalidImageException.class)
                .isThrownBy(() -> ElfHeader.parse(elf, elf.length))
                .withMessageContaining(message);
    }
}
