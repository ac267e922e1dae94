package dev.microvm.compress;

/**
 * Reads bits from the start of a range of bytes, the lowest of each byte first: RFC 8878, 4.1.1.
 */
final class ForwardBits {
    private final byte[] bytes;
    private final int start;
    private final int end;
    private int position; // in bits

    ForwardBits(byte[] bytes, int start, int end) {
        this.bytes = bytes;
        this.start = start;
        this.end = end;
    }

    /** The next {@code count} bits, 0 to 16, without passing over them; zeros past the end. */
    int peek(int count) {
        int index = start + (position >>> 3);
        int word = at(index) | at(index + 1) << 8 | at(index + 2) << 16;
        return word >>> (position & 7) & ((1 << count) - 1);
    }

    int read(int count) {
        int value = peek(count);
        skip(count);
        return value;
    }

    void skip(int count) {
        position += count;
        if (byteEnd() > end) throw Zstd.corrupt("an FSE table that is cut short");
    }

    /** First byte of which nothing was read. */
    int byteEnd() {
        return start + ((position + 7) >>> 3);
    }

    private int at(int index) {
        return index < end ? bytes[index] & 0xFF : 0;
    }
}
