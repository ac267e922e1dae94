package dev.microvm.boot.image;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

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
    void refuses_whenFileIs32Bit() {
        refusal(ElfBuilder.kernel(CONTENT).elfClass(1).build(), "expected a 64-bit ELF file (class 2), found class 1");
    }

    @Test
    void refuses_whenFileIsForArm() {
        refusal(
                ElfBuilder.kernel(CONTENT).machine(183).build(),
                "expected an ELF file for x86-64 (machine 62, little-endian), found machine 183, data encoding 1");
    }

    @Test
    void refuses_whenNothingIsToBeLoaded() {
        refusal(
                new ElfBuilder().pvh().build(),
                "expected an ELF file with a segment to load, found none of type PT_LOAD");
    }

    @ParameterizedTest
    @ValueSource(ints = {4, 16, 63})
    void refuses_whenCutInTheHeader(int size) {
        refusal(
                Arrays.copyOf(ElfBuilder.kernel(CONTENT).build(), size),
                "expected an ELF header of 64 bytes, found %d bytes".formatted(size));
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
