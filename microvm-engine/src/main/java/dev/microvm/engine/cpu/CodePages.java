package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * One CPU's translations, by physical page. When a guest has made it large, all of it goes, and
 * what is still needed is made again.
 */
final class CodePages {
    /** Pages at most: some 30 KiB of heap each with their translations. */
    private static final int CAPACITY = 8192;

    private static final int PAGE_SHIFT = 12;

    // A hash table of lists by page number: it is asked at every miss of the TLB, and so makes no objects
    private final @Nullable CodePage[] buckets = new CodePage[CAPACITY];
    private int size;

    private static int bucket(long physical) {
        return (int) (physical >>> PAGE_SHIFT) & CAPACITY - 1;
    }

    /** A page at a physical address, or null; {@link #next} has those in other modes. */
    @Nullable
    CodePage first(long physical) {
        return from(buckets[bucket(physical)], physical);
    }

    /** The next of the same physical page, in another mode, or null. */
    static @Nullable CodePage next(CodePage page) {
        return from(page.following, page.physical);
    }

    private static @Nullable CodePage from(@Nullable CodePage list, long physical) {
        CodePage page = list;
        while (page != null && page.physical != physical) page = page.following;
        return page;
    }

    /** The page at a physical address in one mode, or null. */
    @Nullable
    CodePage find(long physical, CodeMode mode) {
        CodePage page = first(physical);
        while (page != null && page.mode != mode) page = next(page);
        return page;
    }

    CodePage add(long physical, CodeMode mode, long host) {
        CodePage page = new CodePage(physical, mode, host);
        int bucket = bucket(physical);
        page.following = buckets[bucket];
        buckets[bucket] = page;
        size++;
        return page;
    }

    boolean full() {
        return size >= CAPACITY;
    }

    void clear() {
        for (CodePage list : buckets) {
            for (CodePage page = list; page != null; page = page.following) page.dropAll();
        }
        Arrays.fill(buckets, null);
        size = 0;
    }
}
