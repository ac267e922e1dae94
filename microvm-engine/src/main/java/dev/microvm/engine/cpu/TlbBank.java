package dev.microvm.engine.cpu;

import org.jspecify.annotations.Nullable;

/**
 * The TLB's entries of one privilege: a table without ways, whose flush costs as much as is in use.
 *
 * <p>An entry has four longs: three tags and {@link Mmu#ADDEND}. A tag is a page's linear address,
 * or {@link #NO_PAGE}. The tag of {@link Mmu#FETCH} may be {@link #OUTDATED} besides: what it says of
 * the address still holds, but others may have written to the page since it was last looked at.
 */
final class TlbBank {
    private static final int ENTRIES = 4096;

    /** A bit of a tag, with which it equals no page. */
    static final long OUTDATED = 1;

    /** A tag that matches no page, outdated or not. */
    static final long NO_PAGE = 2 | OUTDATED;

    private static final int GLOBAL = 1 << 8; // below it, the page's size as a power of two, which is not 0

    final long[] entries = new long[ENTRIES * Mmu.STRIDE];
    final @Nullable CodePage[] pages = new CodePage[ENTRIES];
    private final short[] info = new short[ENTRIES]; // 0: not in use
    private final short[] used = new short[ENTRIES];
    private int usedCount;

    TlbBank() {
        for (int i = 0; i < entries.length; i += Mmu.STRIDE) removeTags(i);
    }

    /** Where the entry of an address is. */
    static int index(long linear) {
        return (int) (linear >>> Mmu.INDEX_SHIFT) & (ENTRIES - 1) * Mmu.STRIDE;
    }

    /** Notes what page an entry is of, before it gets tags. */
    void use(int i, int sizeShift, boolean global) {
        int entry = i / Mmu.STRIDE;
        if (info[entry] == 0) used[usedCount++] = (short) entry;
        info[entry] = (short) (sizeShift | (global ? GLOBAL : 0));
    }

    /** Takes the tags of an entry away. */
    void removeTags(int i) {
        entries[i + Mmu.READ] = NO_PAGE;
        entries[i + Mmu.WRITE] = NO_PAGE;
        entries[i + Mmu.FETCH] = NO_PAGE;
    }

    private void free(int entry) {
        removeTags(entry * Mmu.STRIDE);
        pages[entry] = null;
        info[entry] = 0;
    }

    /** Takes the write tags of a page of the host's memory away. */
    void protect(long host) {
        for (int n = 0; n < usedCount; n++) {
            int i = used[n] * Mmu.STRIDE;
            long tag = entries[i + Mmu.WRITE];
            if (tag != NO_PAGE && tag + entries[i + Mmu.ADDEND] == host) entries[i + Mmu.WRITE] = NO_PAGE;
        }
    }

    /** Takes the tags of a page of code away. */
    @SuppressWarnings("ReferenceEquality") // a page is itself alone
    void forget(CodePage page) {
        for (int n = 0; n < usedCount; n++) {
            if (pages[used[n]] == page) entries[used[n] * Mmu.STRIDE + Mmu.FETCH] = NO_PAGE;
        }
    }

    /** Takes all tags of code away. */
    void forgetCode() {
        for (int n = 0; n < usedCount; n++) {
            entries[used[n] * Mmu.STRIDE + Mmu.FETCH] = NO_PAGE;
            pages[used[n]] = null;
        }
    }

    /** Makes all tags of code outdated. */
    void outdateCode() {
        for (int n = 0; n < usedCount; n++) entries[used[n] * Mmu.STRIDE + Mmu.FETCH] |= OUTDATED;
    }

    /** Forgets all entries. */
    void clear() {
        for (int n = 0; n < usedCount; n++) free(used[n]);
        usedCount = 0;
    }

    /** Forgets all entries but those of global pages. */
    void clearNonGlobal() {
        int kept = 0;
        for (int n = 0; n < usedCount; n++) {
            short entry = used[n];
            if ((info[entry] & GLOBAL) != 0) {
                used[kept++] = entry;
            } else {
                free(entry);
            }
        }
        usedCount = kept;
    }

    /** Forgets what it knows of the page at an address, which may be a large one. */
    void clearPage(long linear) {
        int kept = 0;
        for (int n = 0; n < usedCount; n++) {
            short entry = used[n];
            int i = entry * Mmu.STRIDE;
            long page = entries[i + Mmu.READ] != NO_PAGE ? entries[i + Mmu.READ] : entries[i + Mmu.FETCH];
            int shift = info[entry] & GLOBAL - 1;
            if (page != NO_PAGE && page >>> shift == linear >>> shift) {
                free(entry);
            } else {
                used[kept++] = entry;
            }
        }
        usedCount = kept;
    }
}
