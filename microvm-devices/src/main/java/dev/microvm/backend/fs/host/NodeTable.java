package dev.microvm.backend.fs.host;

import dev.microvm.linux.FileStat;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The nodes that the guest knows, by number and by file. A number is a slot, and how often the slot
 * was used before, so that none comes twice. Bounded; for one thread.
 */
final class NodeTable {
    /** The number of the root: FUSE_ROOT_ID of include/uapi/linux/fuse.h. */
    static final long ROOT_ID = 1;

    private static final int FIRST_CAPACITY = 64;
    private static final int ROOT_SLOT = (int) ROOT_ID;

    private final int most;
    private final Map<FileId, Node> byFile = new HashMap<>();
    private final FileId probe = new FileId();
    private @Nullable Node[] slots = new @Nullable Node[FIRST_CAPACITY];
    private int[] uses = new int[FIRST_CAPACITY];
    private int[] free = new int[FIRST_CAPACITY]; // slots, the last one first
    private int freeCount;
    private int used = ROOT_SLOT; // slots below were used at least once

    /** Makes a table of a root and at most so many nodes below it. */
    NodeTable(int most) {
        this.most = most;
    }

    /** How many nodes there are. */
    int size() {
        return byFile.size();
    }

    boolean isFull() {
        return byFile.size() > most;
    }

    /** The node with a number that the guest gave; null if there is none. */
    @Nullable
    Node get(long id) {
        int slot = (int) id;
        Node node = slot > 0 && slot < used ? slots[slot] : null;
        return node != null && node.id == id ? node : null;
    }

    /** The node of a file; null if there is none. */
    @Nullable
    Node find(FileStat stat) {
        probe.set(stat);
        return byFile.get(probe);
    }

    /** Adds a node and gives it its number; the first one is the root. */
    void add(Node node) {
        int slot = freeCount > 0 ? free[--freeCount] : used++;
        if (slot == slots.length) grow();
        slots[slot] = node;
        node.id = slot | ((long) uses[slot] << Integer.SIZE);
        byFile.put(node.file, node);
    }

    private void grow() {
        int capacity = 2 * slots.length;
        slots = Arrays.copyOf(slots, capacity);
        uses = Arrays.copyOf(uses, capacity);
        free = Arrays.copyOf(free, capacity);
    }

    void remove(Node node) {
        int slot = (int) node.id;
        slots[slot] = null;
        uses[slot] = (uses[slot] + 1) & Integer.MAX_VALUE; // a number is never negative
        free[freeCount++] = slot;
        byFile.remove(node.file);
    }

    /** Forgets all but the root; numbers that were given do not come again. */
    void clear() {
        for (int slot = ROOT_SLOT + 1; slot < used; slot++) {
            Node node = slots[slot];
            if (node != null) remove(node);
        }
    }
}
