package dev.microvm.machine;

import java.util.ArrayDeque;
import java.util.Deque;

/**
 * The open resources of one machine, closed in the reverse order of their opening. For one thread.
 */
final class Resources implements AutoCloseable {
    /** A resource whose closing throws no checked exception. */
    @FunctionalInterface
    interface Resource extends AutoCloseable {
        @Override
        void close();
    }

    private final Deque<Resource> open = new ArrayDeque<>();

    /** Adds a resource to close before those that were added earlier. */
    void add(Resource resource) {
        open.push(resource);
    }

    @Override
    public void close() {
        try {
            if (!open.isEmpty()) open.pop().close();
        } finally { // a failure must not leak the rest
            if (!open.isEmpty()) close();
        }
    }
}
