package dev.microvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatIllegalStateException;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.HexFormat;
import java.util.List;
import org.junit.jupiter.api.AutoClose;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class GuestMemoryTest {
    private static final long LOW = 0x1000; // two pages
    private static final long ADJACENT = 0x3000; // one page, right after
    private static final long HIGH = 0x10_0000; // one page, after a gap

    @AutoClose
    private final Arena arena = Arena.ofShared();

    private final GuestMemory memory =
            new GuestMemory(List.of(region(HIGH, 0x1000), region(LOW, 0x2000), region(ADJACENT, 0x1000)));

    @ParameterizedTest
    @CsvSource({
        "0x1000, 1, true",
        "0x1000, 0x2000, true",
        "0x1000, 0, true",
        "0x2fff, 1, true",
        "0x3000, 0x1000, true",
        "0x4000, 0, true", // the end itself, with nothing asked of it
        "0x100ff8, 8, true",
        "0x0fff, 1, false",
        "0x0fff, 0, false",
        "0x0fff, 2, false",
        "0x1000, 0x2001, false", // into the next region
        "0x2fff, 2, false",
        "0x3000, 0x1001, false",
        "0x3fff, 2, false",
        "0x4000, 1, false",
        "0x4001, 0, false",
        "0xfffff, 2, false",
        "0x100ff9, 8, false",
        "0x101000, 1, false",
        "0x1000, -1, false",
        "0x1000, 0x7fffffffffffffff, false",
        "0x1000, -0x8000000000000000, false",
        "-1, 1, false",
        "-1, 2, false",
        "-0x1000, 0x2000, false",
        "0x7fffffffffffffff, 1, false",
        "-0x8000000000000000, 1, false",
        "-0x8000000000000000, -0x8000000000000000, false",
        "-0x7fffffffffffefff, 1, false" // 2^63 above the first byte
    })
    void containsARange_whenItLiesWholeInsideOneRegion(long gpa, long size, boolean contained) {
        assertThat(memory.contains(gpa, size)).isEqualTo(contained);
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 0xfff, 0x2fff, 0x3fff, 0x4000, 0x10_0fff, -1, Long.MIN_VALUE, Long.MAX_VALUE})
    void refusesEachAccessor_whenTheAccessIsNotInside(long gpa) {
        assertRefused(gpa, 2, () -> memory.getShort(gpa));
        assertRefused(gpa, 4, () -> memory.getInt(gpa));
        assertRefused(gpa, 8, () -> memory.getLong(gpa));
        assertRefused(gpa, 2, () -> memory.putShort(gpa, 0));
        assertRefused(gpa, 4, () -> memory.putInt(gpa, 0));
        assertRefused(gpa, 8, () -> memory.putLong(gpa, 0));
        assertRefused(gpa, 2, () -> memory.getShortAcquire(gpa));
        assertRefused(gpa, 2, () -> memory.putShortRelease(gpa, 0));
        assertRefused(gpa, 2, () -> memory.slice(gpa, 2));
        assertRefused(gpa, 2, () -> memory.read(gpa, 2));
        assertRefused(gpa, 2, () -> memory.write(gpa, new byte[2]));
    }

    @ParameterizedTest
    @ValueSource(longs = {0, 0xfff, 0x4000, 0x10_1000, -1, Long.MIN_VALUE, Long.MAX_VALUE})
    void refusesBytes_whenNoRegionHasThem(long gpa) {
        assertRefused(gpa, 1, () -> memory.getByte(gpa));
        assertRefused(gpa, 1, () -> memory.putByte(gpa, 0));
    }

    @ParameterizedTest
    @ValueSource(longs = {-1, Long.MIN_VALUE, Long.MAX_VALUE, 0x2001})
    void refusesASlice_whenItsSizeIsNegativeOrTooLarge(long size) {
        assertRefused(LOW, size, () -> memory.slice(LOW, size));
    }

    @Test
    void refusesToRead_whenTheLengthIsNegative() {
        assertRefused(LOW, -1, () -> memory.read(LOW, -1));
    }

    @Test
    void saysAddressAndSize_whenNothingIsThere() {
        GuestMemoryException refusal = new GuestMemoryException(0xdead_0000L, 64);

        assertThat(refusal).hasMessage("no guest memory at [0xdead0000, +0x40)");
        assertThat(refusal.gpa()).isEqualTo(0xdead_0000L);
        assertThat(refusal.size()).isEqualTo(64);
        assertThat(refusal.getStackTrace()).isEmpty();
    }

    @Test
    void writesLittleEndian_whenUnaligned() {
        memory.putByte(LOW + 1, 0x1ff);
        memory.putShort(LOW + 3, 0x1_8182);
        memory.putInt(LOW + 5, 0x8485_8687);
        memory.putLong(LOW + 9, 0x88_89_8a_8b_8c_8d_8e_8fL);

        assertThat(HexFormat.ofDelimiter(" ").formatHex(memory.read(LOW, 18)))
                .isEqualTo("00 ff 00 82 81 87 86 85 84 8f 8e 8d 8c 8b 8a 89 88 00");
        assertThat(memory.getByte(LOW + 1)).isEqualTo(0xff);
        assertThat(memory.getShort(LOW + 3)).isEqualTo(0x8182);
        assertThat(memory.getInt(LOW + 5)).isEqualTo(0x8485_8687);
        assertThat(memory.getLong(LOW + 9)).isEqualTo(0x88_89_8a_8b_8c_8d_8e_8fL);
    }

    @Test
    void reachesTheLastBytesOfARegion_withEachWidth() {
        memory.putByte(ADJACENT + 0xfff, 0x11);
        memory.putShort(ADJACENT - 2, 0x2222);
        memory.putInt(HIGH + 0xffc, 0x3333_3333);
        memory.putLong(ADJACENT + 0xff0, 0x4444_4444_4444_4444L);

        assertThat(memory.getByte(ADJACENT + 0xfff)).isEqualTo(0x11);
        assertThat(memory.getShort(ADJACENT - 2)).isEqualTo(0x2222);
        assertThat(memory.getInt(HIGH + 0xffc)).isEqualTo(0x3333_3333);
        assertThat(memory.getLong(ADJACENT + 0xff0)).isEqualTo(0x4444_4444_4444_4444L);
    }

    @Test
    void publishesAnIndex_whenTheAddressIsEven() {
        memory.putShortRelease(LOW + 2, 0x1_fffe);

        assertThat(memory.getShortAcquire(LOW + 2)).isEqualTo(0xfffe);
        assertThat(memory.read(LOW, 6)).isEqualTo(new byte[] {0, 0, (byte) 0xfe, (byte) 0xff, 0, 0});
    }

    @Test
    void refusesToPublishAnIndex_whenTheAddressIsOdd() {
        assertThatIllegalArgumentException().isThrownBy(() -> memory.getShortAcquire(LOW + 1));
        assertThatIllegalArgumentException().isThrownBy(() -> memory.putShortRelease(LOW + 1, 0));
    }

    @Test
    void boundsASliceToWhatWasAsked_whenTheRegionIsLarger() {
        MemorySegment slice = memory.slice(LOW + 0x10, 0x20);

        assertThat(slice.byteSize()).isEqualTo(0x20);
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> slice.get(ValueLayout.JAVA_BYTE, 0x20));
        assertThatExceptionOfType(IndexOutOfBoundsException.class)
                .isThrownBy(() -> slice.get(ValueLayout.JAVA_BYTE, -1));
    }

    @Test
    void sharesASliceWithTheGuest_whenItIsWritten() {
        memory.slice(LOW + 0x10, 4).set(ValueLayout.JAVA_BYTE, 3, (byte) 0x5a);

        assertThat(memory.getByte(LOW + 0x13)).isEqualTo(0x5a);
    }

    @Test
    void copiesArrays_whenTheyFillARegion() {
        byte[] page = new byte[0x1000];
        page[0] = 1;
        page[0xfff] = 2;

        memory.write(ADJACENT, page);

        assertThat(memory.read(ADJACENT, page.length)).isEqualTo(page);
        assertThat(memory.getByte(ADJACENT - 1)).isZero();
    }

    @Test
    void copiesNothing_whenTheArrayIsEmpty() {
        memory.write(LOW, new byte[0]);

        assertThat(memory.read(LOW, 0)).isEmpty();
    }

    @Test
    void sortsRegions_whenTheyComeInAnyOrder() {
        assertThat(memory.regions()).extracting(GuestMemoryRegion::base).containsExactly(LOW, ADJACENT, HIGH);
        assertThat(memory.size()).isEqualTo(0x4000);
    }

    @ParameterizedTest
    @ValueSource(longs = {0x1000, 0x2000, 0x0})
    void refusesRegions_whenTheyOverlap(long base) {
        GuestMemoryRegion there = region(LOW, 0x2000);
        GuestMemoryRegion other = region(base, 0x2000);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new GuestMemory(List.of(there, other)))
                .withMessageStartingWith("guest memory regions overlap at 0x");
    }

    @Test
    void containsNothing_whenThereIsNoRegion() {
        GuestMemory none = new GuestMemory(List.of());

        assertThat(none.contains(0, 0)).isFalse();
        assertThat(none.size()).isZero();
        assertRefused(0, 1, () -> none.getByte(0));
    }

    @Test
    void refusesAccess_whenTheMemoryIsFreed() {
        Arena freed = Arena.ofShared();
        GuestMemory gone = new GuestMemory(
                List.of(new GuestMemoryRegion(0, freed.allocate(0x1000, 0x1000), /* readOnly= */ false)));
        freed.close();

        assertThatIllegalStateException().isThrownBy(() -> gone.getByte(0));
    }

    private static void assertRefused(long gpa, long size, Runnable access) {
        assertThatExceptionOfType(GuestMemoryException.class)
                .isThrownBy(access::run)
                .withMessage("no guest memory at [0x%x, +0x%x)", gpa, size);
    }

    private GuestMemoryRegion region(long base, long size) {
        return new GuestMemoryRegion(base, arena.allocate(size, 0x1000), /* readOnly= */ false);
    }
}
