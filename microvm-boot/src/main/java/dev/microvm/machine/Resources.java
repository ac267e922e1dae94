package dev.microvm.machine;

import java.util.ArrayDeque;
import java.util.Deque;

/** What one machine holds, closed in reverse order of how it was opened. For one thread. */
final class Resources implements AutoCloseable {
    /** Something to close that throws nothing checked. */
    @FunctionalInterface
    interface Resource extends AutoCloseable {
        @Override
        void close();
    }

    private final Deque<Resource> open = new ArrayDeque<>();

    /** Adds something to close before all that is there already. */
    void add(Resource resource) {
        open.push(resource);
    }

    @Override
    public void close() {
        try {
            if (!open.isEmpty()) open.pop().close();
        } finally { // one failure must not leak the rest
            if (!open.isEmpty()) close();
        }
    }
}
