package dev.microvm.backend.net.user;

/** The memory budget of all buffers of a network. For one thread. */
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
