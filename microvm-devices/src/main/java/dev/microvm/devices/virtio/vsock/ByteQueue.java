package dev.microvm.devices.virtio.vsock;

import dev.microvm.devices.virtio.GuestBuffer;
import java.nio.ByteBuffer;

/**
 * Bytes that wait, first in, first out, up to a bound. Memory is allocated when it is needed first.
 * For one thread at a time.
 */
final class ByteQueue {
    private static final byte[] NONE = {};
    private static final int FIRST_SIZE = 4096;

    private final int capacity;
    private byte[] bytes = NONE; // its length is 0 or a power of two
    private int start;
    private int length;

    /**
     * Makes an empty one.
     *
     * @param capacity the most bytes, a power of two, 4096 at least
     */
    ByteQueue(int capacity) {
        this.capacity = capacity;
    }

    int length() {
        return length;
    }

    /** How many more there may be. */
    int room() {
        return capacity - length;
    }

    /** Appends the bytes {@code [at, at + size)} of a buffer, for which there is room. */
    void put(GuestBuffer from, long at, int size) {
        if (size == 0) return;
        int end = grow(size);
        int first = Math.min(size, bytes.length - end);
        from.copyTo(at, bytes, end, first);
        from.copyTo(at + first, bytes, 0, size - first);
        length += size;
    }

    /** Appends as many bytes as there are and fit; returns how many. */
    int put(ByteBuffer from) {
        int size = Math.min(from.remaining(), room());
        if (size == 0) return 0;
        int end = grow(size);
        int first = Math.min(size, bytes.length - end);
        from.get(bytes, end, first);
        from.get(bytes, 0, size - first);
        length += size;
        return size;
    }

    /** Moves the first {@code size} bytes, which there are, to position {@code at} of a buffer. */
    void take(GuestBuffer to, long at, int size) {
        int first = Math.min(size, bytes.length - start);
        to.copyFrom(at, bytes, start, first);
        to.copyFrom(at + first, bytes, 0, size - first);
        took(size);
    }

    /** Moves as many bytes as there are and fit; returns how many. */
    int take(ByteBuffer to) {
        int size = Math.min(to.remaining(), length);
        int first = Math.min(size, bytes.length - start);
        to.put(bytes, start, first);
        to.put(bytes, 0, size - first);
        took(size);
        return size;
    }

    /** Forgets all bytes, and frees their memory. */
    void clear() {
        bytes = NONE;
        start = 0;
        length = 0;
    }

    private void took(int size) {
        length -= size;
        start = length == 0 ? 0 : (start + size) & (bytes.length - 1); // from the start: in one piece, if it can be
    }

    /** Makes memory for {@code more} bytes, above 0; returns where they begin. */
    private int grow(int more) {
        int needed = length + more;
        if (needed > bytes.length) {
            int size = Math.max(FIRST_SIZE, Integer.highestOneBit(needed - 1) << 1);
            byte[] larger = new byte[size];
            int first = Math.min(length, bytes.length - start);
            System.arraycopy(bytes, start, larger, 0, first);
            System.arraycopy(bytes, 0, larger, first, length - first);
            bytes = larger;
            start = 0;
        }
        return (start + length) & (bytes.length - 1);
    }
}
