package dev.microvm.backend.net.user;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SocketChannel;

/**
 * The bytes of one direction of a connection: a ring that grows, by doubling, as long as its limit
 * and, beyond {@link #FIRST_SIZE}, the network's {@link MemoryBudget} allow. Behind its end, bytes
 * may be put that came before their turn. For one thread.
 */
final class ByteRing {
    static final int FIRST_SIZE = 16 * 1024;

    private static final byte[] EMPTY = {};

    private final int limit; // a power of two
    private final MemoryBudget budget;
    private byte[] bytes = EMPTY;
    private ByteBuffer view = ByteBuffer.wrap(EMPTY);
    private int start;
    private int size;

    ByteRing(int limit, MemoryBudget budget) {
        this.limit = limit;
        this.budget = budget;
    }

    int size() {
        return size;
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** How many more bytes it would take now, memory permitting. */
    int free() {
        int capacity = bytes.length;
        while (capacity < limit && budget.has(counted(next(capacity)) - counted(bytes.length)))
            capacity = next(capacity);
        return capacity - size;
    }

    /**
     * Puts bytes at {@code distance} behind the end, without moving it; returns false if there is
     * no memory.
     */
    boolean putBehind(int distance, byte[] from, int offset, int length) {
        int end = size + distance + length;
        if (!hold(end)) return false;
        int at = index(size + distance);
        int first = Math.min(length, bytes.length - at);
        System.arraycopy(from, offset, bytes, at, first);
        System.arraycopy(from, offset + first, bytes, 0, length - first);
        return true;
    }

    /** Moves the end over bytes that were put behind it. */
    void extend(int length) {
        size += length;
    }

    /** Copies bytes out, {@code distance} from the start, without taking them. */
    void copy(int distance, byte[] to, int offset, int length) {
        if (length == 0) return;
        int at = index(distance);
        int first = Math.min(length, bytes.length - at);
        System.arraycopy(bytes, at, to, offset, first);
        System.arraycopy(bytes, 0, to, offset + first, length - first);
    }

    /** Takes bytes off the start. */
    void discard(int length) {
        start = bytes.length == 0 ? 0 : index(length);
        size -= length;
    }

    /** Writes what it can; returns whether all went. */
    boolean writeTo(SocketChannel channel) throws IOException {
        while (size > 0) {
            int length = Math.min(size, bytes.length - start);
            int written = channel.write(view.limit(start + length).position(start));
            discard(written);
            if (written < length) return false;
        }
        return true;
    }

    /**
     * Reads what there is, up to what it can hold; returns whether the end of the stream was met.
     */
    boolean readFrom(SocketChannel channel) throws IOException {
        while (size < limit) {
            if (size == bytes.length && !hold(size + 1)) return false;
            int at = index(size);
            int length = Math.min(bytes.length - size, bytes.length - at);
            int read = channel.read(view.limit(at + length).position(at));
            if (read < 0) return true;
            size += read;
            if (read < length) return false;
        }
        return false;
    }

    /** Gives the memory back, with what is in it. */
    void clear() {
        budget.give(counted(bytes.length));
        bytes = EMPTY;
        view = ByteBuffer.wrap(EMPTY);
        start = 0;
        size = 0;
    }

    private boolean hold(int needed) {
        if (needed <= bytes.length) return true;
        if (needed > limit) return false;
        int capacity = bytes.length;
        while (capacity < needed) capacity = next(capacity);
        if (!budget.take(counted(capacity) - counted(bytes.length))) return false;
        byte[] larger = new byte[capacity];
        int first = bytes.length - start; // all of it, as bytes may lie behind the end
        System.arraycopy(bytes, start, larger, 0, first);
        System.arraycopy(bytes, 0, larger, first, bytes.length - first);
        bytes = larger;
        view = ByteBuffer.wrap(larger);
        start = 0;
        return true;
    }

    private static int counted(int capacity) {
        return Math.max(0, capacity - FIRST_SIZE);
    }

    private int next(int capacity) {
        return capacity == 0 ? Math.min(FIRST_SIZE, limit) : 2 * capacity;
    }

    private int index(int distance) {
        return (start + distance) & (bytes.length - 1);
    }
}
