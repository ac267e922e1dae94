package dev.microvm.backend.net.user;

/** How much memory the buffers of a network may have in all. For one thread. */
final class MemoryBudget {
    private long left;

    MemoryBudget(long bytes) {
        left = bytes;
    }

    boolean has(int bytes) {
        return bytes <= left;
    }

    boolean take(int bytes) {
        if (bytes > left) return false;
        left -= bytes;
        return true;
    }

    void give(int bytes) {
        left += bytes;
    }

    long left() {
        return left;
    }
}
