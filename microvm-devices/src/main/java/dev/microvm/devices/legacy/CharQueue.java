package dev.microvm.devices.legacy;

import java.util.Arrays;

/**
 * A queue of characters, each with the byte in bits 0 to 7 and line-status flags in bits 8 to 15.
 * The storage grows as needed, up to the capacity. Guarded by its owner's lock.
 */
final class CharQueue {
    /** What {@link #poll} and {@link #peek} return when there is no character. */
    static final int EMPTY = -1;

    private static final int FIRST_LENGTH = 16; // characters

    private final int capacity;
    private short[] ring = new short[FIRST_LENGTH];
    private int head;
    private int size;
    private int flagged;

    CharQueue(int capacity) {
        this.capacity = capacity;
    }

    int size() {
        return size;
    }

    int space() {
        return capacity - size;
    }

    boolean isEmpty() {
        return size == 0;
    }

    /** Whether any character in the queue has a flag. */
    boolean hasFlagged() {
        return flagged > 0;
    }

    /** Appends; returns false, and drops the character, if the queue is full. */
    boolean offer(int character) {
        if (size == capacity) return false;
        if (size == ring.length) grow();
        ring[(head + size) % ring.length] = (short) character;
        size++;
        if (flags(character) != 0) flagged++;
        return true;
    }

    /**
     * Removes and returns the first character, 0 to 0xffff; returns {@link #EMPTY} if there is
     * none.
     */
    int poll() {
        if (size == 0) return EMPTY;
        int character = Short.toUnsignedInt(ring[head]);
        head = (head + 1) % ring.length;
        size--;
        if (flags(character) != 0) flagged--;
        return character;
    }

    /** Returns the first character, 0 to 0xffff, or {@link #EMPTY}. */
    int peek() {
        return size == 0 ? EMPTY : Short.toUnsignedInt(ring[head]);
    }

    /** Clears the flags of the first character and returns them in bits 0 to 7. */
    int takeFlags() {
        int flags = size == 0 ? 0 : flags(peek());
        if (flags != 0) {
            ring[head] &= 0xff;
            flagged--;
        }
        return flags;
    }

    void clear() {
        head = 0;
        size = 0;
        flagged = 0;
    }

    /** Returns the content, two bytes a character, low byte first. */
    byte[] toBytes() {
        byte[] bytes = new byte[2 * size];
        for (int i = 0; i < size; i++) {
            short character = ring[(head + i) % ring.length];
            bytes[2 * i] = (byte) character;
            bytes[2 * i + 1] = (byte) (character >> 8);
        }
        return bytes;
    }

    /** Replaces the content by bytes that {@link #toBytes} returned. */
    void fromBytes(byte[] bytes) {
        if (bytes.length % 2 != 0 || bytes.length / 2 > capacity) {
            throw new IllegalArgumentException(
                    "%d bytes do not fit a queue of %d characters".formatted(bytes.length, capacity));
        }
        clear();
        for (int i = 0; i < bytes.length; i += 2) {
            offer(Byte.toUnsignedInt(bytes[i]) | (Byte.toUnsignedInt(bytes[i + 1]) << 8));
        }
    }

    private static int flags(int character) {
        return (character >> 8) & 0xff;
    }

    private void grow() {
        short[] grown = Arrays.copyOf(ring, Math.min(capacity, 2 * ring.length));
        int atEnd = ring.length - head;
        System.arraycopy(ring, head, grown, 0, atEnd);
        System.arraycopy(ring, 0, grown, atEnd, head);
        ring = grown;
        head = 0;
    }
}
