package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cpuid.CpuidEntry;
import java.util.List;
import org.junit.jupiter.api.Test;

final class TscFrequencyTest {
    private static final List<CpuidEntry> TABLE = List.of(
            new CpuidEntry(0x1, 0, false, 1, 2, 3, 4),
            new CpuidEntry(0x15, 0, false, 2, 250, 24_000_000, 0),
            new CpuidEntry(0x16, 0, false, 3000, 4000, 100, 0),
            new CpuidEntry(0x4000_0010, 0, false, 3_000_000, 1_000_000, 0, 0));

    @Test
    void isWhatCpuidSays() {
        assertThat(new TscFrequency(2_400_000).in(TABLE))
                .containsExactly(
                        TABLE.getFirst(),
                        new CpuidEntry(0x15, 0, false, 1000, 2400, 1_000_000_000, 0),
                        new CpuidEntry(0x16, 0, false, 2400, 2400, 100, 0),
                        new CpuidEntry(0x4000_0010, 0, false, 2_400_000, 1_000_000, 0, 0));
    }

    @Test
    void isLeftOut_whereItCannotBeSaidExactly() {
        for (long khz : new long[] {2_399_998, 5_000_000}) { // no whole MHz; more than 32 bits in the guest's sum
            assertThat(new TscFrequency(khz).in(TABLE)).contains(new CpuidEntry(0x15, 0, false, 0, 0, 0, 0));
        }
    }

    @Test
    void fitsWhatKvmTolerates_andWhatIsNotKnown() {
        TscFrequency frequency = new TscFrequency(2_000_000);
        assertThat(frequency.fits(2_000_500)).isTrue();
        assertThat(frequency.fits(2_000_501)).isFalse();
        assertThat(frequency.fits(0)).isTrue();
        assertThat(new TscFrequency(0).fits(1_000_000)).isTrue();
    }
}
