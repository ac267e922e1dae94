package dev.microvm.engine.cpu;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

/** What entries of the TLB say after they were made, outdated and forgotten. */
final class TlbBankTest {
    private static final long PAGE = 0x7F12_3456_7000L;
    private static final long OTHER = 0x1000;
    private static final int SHIFT_4K = 12;
    private static final int SHIFT_2M = 21;

    private final TlbBank bank = new TlbBank();

    private int fill(long page, int sizeShift, boolean global) {
        int i = TlbBank.index(page);
        bank.use(i, sizeShift, global);
        bank.entries[i + Mmu.READ] = page;
        bank.entries[i + Mmu.WRITE] = page;
        bank.entries[i + Mmu.FETCH] = page;
        return i;
    }

    private long[] tags(int i) {
        return new long[] {bank.entries[i + Mmu.READ], bank.entries[i + Mmu.WRITE], bank.entries[i + Mmu.FETCH]};
    }

    private static long[] none() {
        return new long[] {TlbBank.NO_PAGE, TlbBank.NO_PAGE, TlbBank.NO_PAGE};
    }

    private static long[] all(long page) {
        return new long[] {page, page, page};
    }

    @Test
    void hasNoTags_whenNew() {
        for (int i = 0; i < bank.entries.length; i += Mmu.STRIDE)
            assertThat(tags(i)).isEqualTo(none());
    }

    @Test
    void keepsPagesApart_whenTheyAreNeighbours() {
        int first = fill(PAGE, SHIFT_4K, false);
        int second = fill(PAGE + (1 << SHIFT_4K), SHIFT_4K, false);

        assertThat(first).isNotEqualTo(second);
        assertThat(tags(first)).isEqualTo(all(PAGE));
    }

    @Test
    void forgetsAll_whenCleared() {
        int one = fill(PAGE, SHIFT_4K, true);
        int other = fill(OTHER, SHIFT_4K, false);

        bank.clear();

        assertThat(tags(one)).isEqualTo(none());
        assertThat(tags(other)).isEqualTo(none());
    }

    @Test
    void forgetsEachEntry_whenItIsUsedAgainAfterAFlush() {
        fill(PAGE, SHIFT_4K, false);
        bank.clear();
        int i = fill(PAGE, SHIFT_4K, false);
        fill(PAGE, SHIFT_4K, false); // of the same page once more

        bank.clear();

        assertThat(tags(i)).isEqualTo(none());
    }

    @Test
    void keepsGlobalPages_whenOthersAreCleared() {
        int global = fill(PAGE, SHIFT_4K, true);
        int other = fill(OTHER, SHIFT_4K, false);

        bank.clearNonGlobal();

        assertThat(tags(global)).isEqualTo(all(PAGE));
        assertThat(tags(other)).isEqualTo(none());
        bank.clear();
        assertThat(tags(global)).isEqualTo(none());
    }

    @Test
    void forgetsEachPartOfALargePage_whenOneAddressOfItIsCleared() {
        int first = fill(0x4020_0000, SHIFT_2M, false);
        int last = fill(0x403F_F000, SHIFT_2M, false);
        int next = fill(0x4040_0000, SHIFT_2M, false);

        bank.clearPage(0x402A_BCDE);

        assertThat(tags(first)).isEqualTo(none());
        assertThat(tags(last)).isEqualTo(none());
        assertThat(tags(next)).isEqualTo(all(0x4040_0000));
    }

    @Test
    void forgetsAPage_whoseCodeIsOutdatedAndWhichCannotBeRead() {
        int i = fill(PAGE, SHIFT_4K, false);
        bank.entries[i + Mmu.READ] = TlbBank.NO_PAGE;
        bank.entries[i + Mmu.WRITE] = TlbBank.NO_PAGE;
        bank.outdateCode();

        bank.clearPage(PAGE + 5);

        assertThat(tags(i)).isEqualTo(none());
    }

    @Test
    void marksTagsOfCodeAlone_whenTheyAreOutdated() {
        int i = fill(PAGE, SHIFT_4K, false);
        int without = fill(OTHER, SHIFT_4K, false);
        bank.entries[without + Mmu.FETCH] = TlbBank.NO_PAGE;

        bank.outdateCode();
        bank.outdateCode();

        assertThat(tags(i)).containsExactly(PAGE, PAGE, PAGE | TlbBank.OUTDATED);
        assertThat(tags(without)).containsExactly(OTHER, OTHER, TlbBank.NO_PAGE);
    }

    @Test
    void takesTheWriteTagAway_ofEachAddressOfAPage() {
        long host = 0x7F00_0000_0000L;
        int one = fill(PAGE, SHIFT_4K, false);
        int other = fill(OTHER, SHIFT_4K, false);
        int third = fill(0x5000, SHIFT_4K, false);
        bank.entries[one + Mmu.ADDEND] = host - PAGE;
        bank.entries[other + Mmu.ADDEND] = host - OTHER;
        bank.entries[third + Mmu.ADDEND] = host + 0x1000 - 0x5000;

        bank.protect(host);

        assertThat(tags(one)).containsExactly(PAGE, TlbBank.NO_PAGE, PAGE);
        assertThat(tags(other)).containsExactly(OTHER, TlbBank.NO_PAGE, OTHER);
        assertThat(tags(third)).isEqualTo(all(0x5000));
    }
}
