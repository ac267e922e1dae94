package dev.microvm.backend.fs.host;

import static dev.microvm.linux.Errno.EMFILE;
import static dev.microvm.linux.Errno.ENFILE;
import static dev.microvm.linux.Errno.ENOENT;
import static dev.microvm.linux.Errno.ESTALE;

import dev.microvm.limits.Budget;
import dev.microvm.linux.FileCalls;
import dev.microvm.linux.FileStat;
import dev.microvm.linux.Libc;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Descriptors of nodes, opened with O_PATH: they stay open as long as there is room, so that a
 * guest may know more files than it may open. Also counts the files that are open, in the budget of
 * the JVM. For one thread, but the budget may press on any.
 */
final class DescriptorCache {
    private static final int MOST = 256; // nodes, which a guest that is idle keeps open

    private final Budget.Share share;
    private final @Nullable Node[] slots = new @Nullable Node[MOST];
    private final FileStat found = new FileStat();
    private volatile boolean pressed;
    private int hand; // the slot to be looked at next

    DescriptorCache(Budget budget, String owner) {
        share = budget.open(owner, () -> pressed = true);
    }

    /** Gives back what others need, if they asked for it; between requests. */
    void giveBack() {
        if (!pressed) return;
        pressed = false;
        while (share.excess() > 0 && evict()) {
            // one more
        }
    }

    /** Counts one more descriptor, if need be instead of a node's; returns false if there is none left. */
    boolean take() {
        return share.tryTake(1) || (evict() && share.tryTake(1));
    }

    /** Counts one less. */
    void give() {
        share.give(1);
    }

    /** How many descriptors are open. */
    long count() {
        return share.used();
    }

    /**
     * Opens a node in its parent, which is open; returns the descriptor or {@code -errno}.
     *
     * @param name that of the node, as a C string
     */
    int open(Node node, int parent, MemorySegment name) {
        int slot = freeSlot();
        if (slot < 0 || !take()) return -ENFILE;
        int fd = FileCalls.openat(
                parent, name, HostFlags.O_PATH | HostFlags.O_NOFOLLOW | HostFlags.O_CLOEXEC, /* mode= */ 0);
        if (fd < 0) {
            give();
            return fd == -ENOENT ? -ESTALE : fd == -EMFILE ? -ENFILE : fd;
        }
        if (found.read(fd) < 0 || !node.file.is(found)) { // another file came to this place
            Libc.close(fd);
            give();
            return -ESTALE;
        }
        node.fd = fd;
        node.recent = true;
        node.slot = slot;
        slots[slot] = node;
        return fd;
    }

    private int freeSlot() {
        for (int slot = 0; slot < MOST; slot++) {
            int at = (hand + slot) % MOST;
            if (slots[at] == null) return at;
        }
        return evict() ? freeSlot() : -1;
    }

    /** Closes one that was not used lately and is not in use; returns false if there is none. */
    private boolean evict() {
        for (int looks = 0; looks < 2 * MOST; looks++) { // everyone gets a second chance
            Node node = slots[hand];
            hand = (hand + 1) % MOST;
            if (node == null || node.pins > 0) continue;
            if (!node.recent) {
                close(node);
                return true;
            }
            node.recent = false;
        }
        return false;
    }

    /** Closes a node's descriptor, if it has one. */
    void close(Node node) {
        if (!node.isOpen()) return;
        slots[node.slot] = null;
        Libc.close(node.fd);
        node.closed();
        give();
    }

    /** Closes all. */
    void clear() {
        for (Node node : slots) {
            if (node != null) close(node);
        }
    }

    /** Ends its share of the budget. */
    void end() {
        share.close();
    }
}
