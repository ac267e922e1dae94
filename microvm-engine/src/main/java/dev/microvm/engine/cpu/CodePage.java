package dev.microvm.engine.cpu;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.memory.HostMemory;
import dev.microvm.engine.memory.PhysicalMemory;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * A physical page that holds code, in one mode, and what was translated of it.
 *
 * <p>Translations are made of a copy of the page. The CPU's own writes to the page come by {@link
 * #written}; what others write (devices, other CPUs) is found by {@link #refresh}, which compares
 * page and copy when the page is entered through an empty or outdated TLB entry for the first time
 * after a flush. Guests flush the TLB, take an interrupt or serialize before they run such code:
 * Intel SDM vol. 3A, 9.1.3. Only what was translated is compared, and what is about to be.
 */
public final class CodePage {
    private static final int LINE_SHIFT = 6; // 64 lines, one bit of a long each

    /** Bytes of heap of a page without its blocks. */
    private static final int EMPTY_SIZE = HeapSize.of(CodePage.class)
            + HeapSize.ofArray(PhysicalMemory.PAGE_SIZE, Byte.BYTES)
            + HeapSize.ofArray(PhysicalMemory.PAGE_SIZE, HeapSize.REFERENCE)
            + HeapSize.of(ArrayList.class);

    /**
     * Stores by its CPU, since it was last translated, after which it holds data and no code: it
     * takes about as long to serve them one by one as to translate the page once more.
     */
    private static final int WRITES_OF_DATA = 1 << 14;

    /** Bytes of heap of an element of a list, which may have twice the room that it needs. */
    private static final int ELEMENT_SIZE = 2 * HeapSize.REFERENCE;

    final long physical;
    final CodeMode mode;
    final long host;
    private final byte[] bytes = new byte[PhysicalMemory.PAGE_SIZE];
    private final @Nullable Block[] blocks = new Block[PhysicalMemory.PAGE_SIZE];
    private final CodeHeap heap;
    private List<Block> reachingIn = new ArrayList<>(0); // of the page before, by their last instruction
    private long lines; // which hold translated bytes
    private long refreshed; // at which flush
    private int writes; // since something was translated
    private boolean dropped;
    private List<Region> regions = List.of(); // that have blocks of this page
    private int brokenRegions;

    /** The next in its bucket of {@link CodePages}. */
    @Nullable
    CodePage following;

    CodePage(long physical, CodeMode mode, long host, CodeHeap heap) {
        this.physical = physical;
        this.mode = mode;
        this.host = host;
        this.heap = heap;
        heap.add(EMPTY_SIZE);
        HostMemory.read(host, bytes);
    }

    /** How its bytes are read. */
    public CodeMode mode() {
        return mode;
    }

    /** The bytes to translate: not to be changed. */
    public byte[] bytes() {
        return bytes;
    }

    /** The block that begins at an offset. */
    public Block entry(int offset) {
        Block block = blocks[offset];
        return block != null ? block : newEntry(offset);
    }

    /** The block that begins at an offset, if anything led to it yet. */
    public @Nullable Block known(int offset) {
        return blocks[offset];
    }

    private Block newEntry(int offset) {
        Block block = new Block(this, offset);
        blocks[offset] = block;
        heap.add(Block.EMPTY_SIZE);
        return block;
    }

    /** Remembers which bytes a block was made of. */
    void translated(Block block) {
        lines |= linesOf(block.start, Math.max(block.end, block.start + 1));
        writes = 0;
    }

    /** Remembers a block of the page before that reaches into this one. */
    public void reachedBy(Block block) {
        lines |= 1;
        if (reachingIn.contains(block)) return;
        reachingIn.add(block);
        heap.add(ELEMENT_SIZE);
    }

    /** Takes in what its CPU wrote at {@code [offset, offset + size)}. */
    void written(int offset, int size) {
        writes++;
        for (int i = offset; i < offset + size; i++) bytes[i] = (byte) HostMemory.get8(host + i);
        dropLines(linesOf(offset, offset + size));
    }

    /** Whether it is written so often that it is likely to be data by now. */
    boolean holdsData() {
        return writes >= WRITES_OF_DATA;
    }

    /**
     * Takes in what others wrote, if they wrote where something was translated, unless that was done
     * since the last flush, which has this number.
     */
    void refresh(long flush) {
        if (refreshed == flush) return;
        refreshed = flush;
        if (lines == 0) return;
        int first = Long.numberOfTrailingZeros(lines);
        int last = Long.SIZE - 1 - Long.numberOfLeadingZeros(lines);
        refresh(first << LINE_SHIFT, (last + 1) << LINE_SHIFT);
    }

    /** Takes in what others wrote, if they wrote between two offsets. */
    public void refresh(int from, int to) {
        if (HostMemory.differs(host + from, bytes, from, to)) refresh();
    }

    private void refresh() {
        byte[] before = bytes.clone();
        HostMemory.read(host, bytes);
        long changed = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] != before[i]) changed |= linesOf(i, i + 1);
        }
        dropLines(changed);
    }

    /**
     * Forgets all translations for good: the page is not to be looked at any more, nor its memory.
     */
    void drop() {
        dropped = true;
        dropLines(-1);
    }

    /** Gives back what it and its blocks were charged; after {@link #drop}. */
    void release() {
        int entries = 0;
        for (Block each : blocks) {
            if (each != null) entries++;
        }
        heap.remove(EMPTY_SIZE + (long) entries * Block.EMPTY_SIZE);
    }

    /** Whether it was dropped: a branch that was just running may still hold a block of it. */
    public boolean isDropped() {
        return dropped;
    }

    private void dropLines(long changed) {
        if ((lines & changed) == 0) return;
        for (Block block : blocks) {
            if (block != null && block.translated() && (linesOf(block.start, block.end) & changed) != 0)
                block.breakOff();
        }
        if ((changed & 1) != 0) {
            reachingIn.forEach(Block::breakOff);
            heap.remove((long) reachingIn.size() * ELEMENT_SIZE);
            reachingIn = new ArrayList<>(0);
        }
        lines &= ~changed;
    }

    // Regions

    /** Takes note of a region with blocks of this page. */
    void add(Region region) {
        if (regions.isEmpty()) regions = new ArrayList<>(1);
        regions.add(region);
    }

    /** Forgets one of those. */
    void remove(Region region) {
        regions.remove(region);
    }

    /** Drops what a block is compiled in. */
    void dropRegions(Block block) {
        for (int i = regions.size() - 1; i >= 0; i--) {
            Region region = regions.get(i);
            if (!region.contains(block)) continue;
            region.drop();
            brokenRegions++;
        }
    }

    /** How many regions were dropped because their code changed. */
    public int brokenRegions() {
        return brokenRegions;
    }

    /** Charges what a block was translated into, or gives it back. */
    CodeHeap heap() {
        return heap;
    }

    private static long linesOf(int from, int to) {
        return (-1L << (from >> LINE_SHIFT)) & (-1L >>> (63 - ((to - 1) >> LINE_SHIFT)));
    }
}
