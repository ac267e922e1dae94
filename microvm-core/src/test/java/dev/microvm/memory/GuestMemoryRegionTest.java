package dev.microvm.memory;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import java.lang.foreign.MemorySegment;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class GuestMemoryRegionTest {
    private static final long LAST_PAGE = 0x7fff_ffff_ffff_f000L; // below 2^63

    @Test
    void returnsItsEnd_whenItIsValid() {
        GuestMemoryRegion region = new GuestMemoryRegion(0x10_0000, segment(0x3000), /* readOnly= */ true);

        assertThat(region.size()).isEqualTo(0x3000);
        assertThat(region.end()).isEqualTo(0x10_3000);
        assertThat(region.readOnly()).isTrue();
    }

    @Test
    void takesTheHighestPages_whenTheEndIsBelow2To63() {
        GuestMemoryRegion region = new GuestMemoryRegion(LAST_PAGE - 0x1000, segment(0x1000), /* readOnly= */ false);

        assertThat(region.end()).isEqualTo(LAST_PAGE);
    }

    @ParameterizedTest
    @CsvSource({
        "0x800, 0x1000", // base not a page's
        "0x1000, 0", // empty
        "0x1000, 0x800", // size not whole pages
        "0x1000, 0x1001",
        "-0x1000, 0x1000", // above 2^63
        "0x7ffffffffffff000, 0x1000" // ends at 2^63, which is no positive long
    })
    void isRefused_whenBaseOrSizeIsNotWholePages(long base, long size) {
        MemorySegment segment = segment(size);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> new GuestMemoryRegion(base, segment, /* readOnly= */ false))
                .withMessage(
                        "guest memory region [0x%x, +0x%x): base and size must be multiples of 4 KiB, size above 0",
                        base, size);
    }

    /** A size without memory behind it. */
    private static MemorySegment segment(long size) {
        return MemorySegment.ofArray(new byte[(int) size]);
    }
}
