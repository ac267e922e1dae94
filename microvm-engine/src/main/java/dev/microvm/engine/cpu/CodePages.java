package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import org.jspecify.annotations.Nullable;

/**
 * One CPU's translations, by physical page. All of them go at once, and what is still needed is
 * made again.
 */
final class CodePages {
    private static final int LEAST_BUCKETS = 1024; // a power of two
    private static final int PAGE_SHIFT = 12;

    private final CodeHeap heap;

    // A hash table of lists by page number: it is asked at every miss of the TLB, and so makes no objects
    private @Nullable CodePage[] buckets = new CodePage[LEAST_BUCKETS];
    private int size;

    CodePages(CodeHeap heap) {
        this.heap = heap;
    }

    private int bucket(long physical) {
        return (int) (physical >>> PAGE_SHIFT) & buckets.length - 1;
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
        if (size == buckets.length) grow();
        CodePage page = new CodePage(physical, mode, host, heap);
        put(page);
        size++;
        return page;
    }

    /** Lets go of a page; code of it that runs ends after its present instruction. */
    void remove(CodePage page) {
        int bucket = bucket(page.physical);
        CodePage before = buckets[bucket];
        if (before == page) {
            buckets[bucket] = page.following;
        } else {
            while (before != null && before.following != page) before = before.following;
            if (before != null) before.following = page.following;
        }
        size--;
        page.drop();
        page.release();
    }

    private void put(CodePage page) {
        int bucket = bucket(page.physical);
        page.following = buckets[bucket];
        buckets[bucket] = page;
    }

    private void grow() {
        @Nullable CodePage[] before = buckets;
        buckets = new CodePage[2 * before.length];
        heap.add((long) before.length * HeapSize.REFERENCE);
        for (CodePage list : before) {
            CodePage page = list;
            while (page != null) {
                CodePage following = page.following;
                put(page);
                page = following;
            }
        }
    }

    /** Lets go of all pages, while no code of them runs. */
    void clear() {
        buckets = new CodePage[LEAST_BUCKETS];
        size = 0;
        heap.removeAll();
    }

    /** Lets go of all pages; code of them that runs ends after its present instruction. */
    void breakOff() {
        for (CodePage list : buckets) {
            for (CodePage page = list; page != null; page = page.following) page.drop();
        }
        clear();
    }
}
