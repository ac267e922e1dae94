package dev.microvm.engine.apic;

/** A set of interrupt vectors, 0 to 255. Not thread-safe. */
final class VectorSet {
    /** What {@link #highest} returns for the empty set. */
    static final int NONE = -1;

    private static final int WORDS = 256 / Long.SIZE;

    private final long[] words = new long[WORDS];

    void add(int vector) {
        words[vector >> 6] |= 1L << vector;
    }

    void remove(int vector) {
        words[vector >> 6] &= ~(1L << vector);
    }

    boolean contains(int vector) {
        return (words[vector >> 6] & (1L << vector)) != 0;
    }

    /** The highest vector in the set, or {@link #NONE}. */
    int highest() {
        for (int i = WORDS - 1; i >= 0; i--) {
            if (words[i] != 0) return i * Long.SIZE + Long.SIZE - 1 - Long.numberOfLeadingZeros(words[i]);
        }
        return NONE;
    }

    void clear() {
        for (int i = 0; i < WORDS; i++) words[i] = 0;
    }

    /**
     * One of the eight registers that hold the set: vectors {@code 32 * index} to {@code 32 * index
     * + 31}.
     */
    int register(int index) {
        return (int) (words[index >> 1] >>> ((index & 1) * Integer.SIZE));
    }

    void register(int index, int value) {
        int shift = (index & 1) * Integer.SIZE;
        words[index >> 1] = (words[index >> 1] & ~(0xffff_ffffL << shift)) | (Integer.toUnsignedLong(value) << shift);
    }
}
