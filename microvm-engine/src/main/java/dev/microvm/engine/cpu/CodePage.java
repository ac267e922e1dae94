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
 * page and copy when the page is entered through an empty TLB entry for the first time after a
 * flush. Guests flush the TLB, take an interrupt or serialize before they run such code: Intel SDM
 * vol. 3A, 9.1.3.
 */
public final class CodePage {
    private static final int LINE_SHIFT = 6; // 64 lines, one bit of a long each

    final long physical;
    final CodeMode mode;
    final long host;
    private final byte[] bytes = new byte[PhysicalMemory.PAGE_SIZE];
    private final @Nullable Block[] blocks = new Block[PhysicalMemory.PAGE_SIZE];
    private final List<Block> reachingIn = new ArrayList<>(0); // of the page before, by their last instruction
    private long lines; // which hold translated bytes
    private long refreshed; // at which flush

    /** The next in its bucket of {@link CodePages}. */
    @Nullable
    CodePage following;

    CodePage(long physical, CodeMode mode, long host) {
        this.physical = physical;
        this.mode = mode;
        this.host = host;
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

    private Block newEntry(int offset) {
        Block block = new Block(this, offset);
        blocks[offset] = block;
        return block;
    }

    /** Remembers which bytes a block was made of. */
    void translated(Block block) {
        lines |= linesOf(block.start, Math.max(block.end, block.start + 1));
    }

    /** Remembers a block of the page before that reaches into this one. */
    public void reachedBy(Block block) {
        if (!reachingIn.contains(block)) reachingIn.add(block);
        lines |= 1;
    }

    /** Takes in what its CPU wrote at {@code [offset, offset + size)}. */
    void written(int offset, int size) {
        for (int i = offset; i < offset + size; i++) bytes[i] = (byte) HostMemory.get8(host + i);
        dropLines(linesOf(offset, offset + size));
    }

    /**
     * Takes in what others wrote, unless that was done since the last flush, which has this number.
     */
    void refresh(long flush) {
        if (refreshed == flush) return;
        refreshed = flush;
        refresh();
    }

    /** Takes in what others wrote. */
    void refresh() {
        if (HostMemory.mismatch(host, bytes) < 0) return;
        byte[] before = bytes.clone();
        HostMemory.read(host, bytes);
        long changed = 0;
        for (int i = 0; i < bytes.length; i++) {
            if (bytes[i] != before[i]) changed |= linesOf(i, i + 1);
        }
        dropLines(changed);
    }

    /** Forgets all translations. */
    void dropAll() {
        dropLines(-1);
    }

    private void dropLines(long dropped) {
        if ((lines & dropped) == 0) return;
        for (Block block : blocks) {
            if (block != null && block.translated() && (linesOf(block.start, block.end) & dropped) != 0)
                block.breakOff();
        }
        if ((dropped & 1) != 0) {
            reachingIn.forEach(Block::breakOff);
            reachingIn.clear();
        }
        lines &= ~dropped;
    }

    private static long linesOf(int from, int to) {
        return (-1L << (from >> LINE_SHIFT)) & (-1L >>> (63 - ((to - 1) >> LINE_SHIFT)));
    }
}
