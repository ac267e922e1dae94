package dev.microvm.compress;

/**
 * Reads bits from the end of a range of bytes to its start, as zstd's entropy coders want.
 *
 * <p>Source: RFC 8878, 4.1, "FSE", and 4.2.2: the last byte's highest set bit marks the end; past
 * the start there are zeros.
 */
final class BackwardBits {
    private final byte[] bytes;
    private final int start;
    private long left; // bits that were not read; negative after too many were

    /** Reads {@code [start, end)} of {@code bytes}. */
    BackwardBits(byte[] bytes, int start, int end) {
        if (end <= start || bytes[end - 1] == 0) throw Zstd.corrupt("a bit stream without its end mark");
        this.bytes = bytes;
        this.start = start;
        int mark = Integer.SIZE - 1 - Integer.numberOfLeadingZeros(bytes[end - 1] & 0xFF);
        left = (end - start - 1L) * Byte.SIZE + mark;
    }

    /** How many bits were not read; negative after too many were. */
    long left() {
        return left;
    }

    /** The next {@code count} bits, 0 to 32, the first of them highest. */
    long read(int count) {
        left -= count;
        return peekAt(left, count);
    }

    /** The {@code count} bits that a {@link #read} would return, without reading them. */
    int peek(int count) {
        return (int) peekAt(left - count, count);
    }

    /** Passes over {@code count} bits. */
    void skip(int count) {
        left -= count;
    }

    private long peekAt(long bit, int count) {
        if (bit < 0) { // what is before the start is zeros, and lowest
            return -bit >= count ? 0 : peekAt(0, (int) (count + bit)) << -bit;
        }
        int index = start + (int) (bit >>> 3);
        long word = index + Long.BYTES <= bytes.length ? Zstd.getLong(bytes, index) : slowWord(index);
        return word >>> (bit & 7) & ((1L << count) - 1);
    }

    private long slowWord(int index) {
        long word = 0;
        for (int i = bytes.length - 1; i >= index; i--) {
            word = word << Byte.SIZE | (bytes[i] & 0xFF);
        }
        return word;
    }
}
