package dev.microvm.compress;

/** Reads bits of a bzip2 stream, the highest of each byte first. */
final class Bzip2Bits {
    private final byte[] bytes;
    private final int end;
    private int at;
    private long buffer; // its lowest `available` bits are the next ones
    private int available;

    Bzip2Bits(byte[] bytes, int start, int end) {
        this.bytes = bytes;
        this.at = start;
        this.end = end;
    }

    /** The next {@code count} bits, 1 to 24. */
    int read(int count) {
        while (available < count) {
            if (at >= end) throw Bzip2InputStream.corrupt("one that is cut short");
            buffer = buffer << Byte.SIZE | (bytes[at++] & 0xFF);
            available += Byte.SIZE;
        }
        available -= count;
        return (int) (buffer >>> available) & ((1 << count) - 1);
    }
}
