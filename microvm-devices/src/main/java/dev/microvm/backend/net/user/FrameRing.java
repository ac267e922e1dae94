package dev.microvm.backend.net.user;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/**
 * A bounded queue of frames from one thread to another. It allocates nothing and takes no lock.
 * Each frame is contiguous in one array, so that both sides may work on it in place.
 *
 * <p>Each side wakes the other. The producer calls {@code filled} after it put a frame into an
 * empty ring. The consumer calls {@code drained} if a frame was refused and half of the ring is
 * free again.
 */
final class FrameRing {
    static final int NONE = -1;

    private static final int PREFIX = Integer.BYTES; // a frame's length, before it
    private static final int WRAP = -1; // in place of a length: go on at the array's start

    private final byte[] bytes;
    private final int mask;

    // Positions count bytes since ever. Volatile: each side stores its own and then reads the other's, to know whom to
    // wake.
    private volatile long head; // of the next frame to take; stored by who takes
    private volatile long tail; // behind the last frame; stored by who puts
    private volatile boolean refused;

    private Runnable filled = () -> {};
    private Runnable drained = () -> {};

    /** Makes a ring of {@code capacity} bytes, a power of two. */
    FrameRing(int capacity) {
        if (Integer.bitCount(capacity) != 1) throw new IllegalArgumentException("no power of two: " + capacity);
        bytes = new byte[capacity];
        mask = capacity - 1;
    }

    /** Sets the actions that wake the threads. Called before either thread starts. */
    void onChange(Runnable newFilled, Runnable newDrained) {
        filled = newFilled;
        drained = newDrained;
    }

    byte[] bytes() {
        return bytes;
    }

    boolean isEmpty() {
        return head == tail;
    }

    // ---- who puts

    /**
     * Reserves room for a frame of up to {@code length} bytes. The caller writes the frame in place
     * and then calls {@link #commit}.
     *
     * @return the offset in {@link #bytes}, or {@link #NONE} if there is no room
     */
    int claim(int length) {
        int at = tryClaim(length);
        if (at != NONE) return at;
        refused = true;
        at = tryClaim(length); // the other side may have taken all before it could see that a frame was refused
        if (at != NONE) refused = false;
        return at;
    }

    private int tryClaim(int length) {
        int need = size(length);
        long end = tail;
        int free = bytes.length - (int) (end - head);
        int at = (int) end & mask;
        int toEnd = bytes.length - at;
        if (toEnd >= need) return free >= need ? at + PREFIX : NONE;
        if (free < toEnd + need) return NONE;
        Bytes.putInt(bytes, at, WRAP);
        return PREFIX;
    }

    /** Queues the claimed frame of {@code length} bytes at offset {@code at}. */
    void commit(int at, int length) {
        Bytes.putInt(bytes, at - PREFIX, length);
        long old = tail;
        int skipped = at == PREFIX && ((int) old & mask) != 0 ? bytes.length - ((int) old & mask) : 0;
        tail = old + skipped + size(length);
        if (head == old) filled.run();
    }

    /** Queues a copy of a frame; returns false if there is no room. */
    boolean offer(MemorySegment segment, long offset, int length) {
        int at = claim(length);
        if (at == NONE) return false;
        MemorySegment.copy(segment, ValueLayout.JAVA_BYTE, offset, bytes, at, length);
        commit(at, length);
        return true;
    }

    // ---- who takes

    /**
     * Returns the offset in {@link #bytes} of the next frame, or {@link #NONE}. The frame stays
     * there until {@link #release}.
     */
    int peek() {
        long begin = head;
        if (begin == tail) return NONE;
        int at = (int) begin & mask;
        if (Bytes.getInt(bytes, at) != WRAP) return at + PREFIX;
        head = begin + bytes.length - at; // whoever wraps puts a frame at once
        return PREFIX;
    }

    /** Returns the length of the frame at {@code at}, which {@link #peek} returned. */
    int length(int at) {
        return Bytes.getInt(bytes, at - PREFIX);
    }

    /** Frees the frame at {@code at}. */
    void release(int at) {
        long begin = head; // this side alone stores it
        head = begin + size(length(at));
        wakeRefused();
    }

    /** Drops all waiting frames. */
    void clear() {
        head = tail;
        wakeRefused();
    }

    private void wakeRefused() {
        if (!refused || tail - head > bytes.length / 2) return;
        refused = false;
        drained.run();
    }

    /** Returns the size of a frame in the ring, rounded so that lengths stay aligned. */
    private static int size(int length) {
        return (PREFIX + length + PREFIX - 1) & -PREFIX;
    }
}
