package dev.microvm.compress;

import java.io.IOException;
import java.io.InputStream;

/** Reads bits of a bzip2 stream, the highest of each byte first. */
final class Bzip2Bits {
    private final InputStream in;
    private long buffer; // its lowest `available` bits are the next ones
    private int available;

    /** Reads {@code in} byte by byte, no further than needed. */
    Bzip2Bits(InputStream in) {
        this.in = in;
    }

    /** The next {@code count} bits, 1 to 24. */
    int read(int count) throws IOException {
        while (available < count) {
            int next = in.read();
            if (next < 0) throw Bzip2InputStream.corrupt("one that is cut short");
            buffer = buffer << Byte.SIZE | next;
            available += Byte.SIZE;
        }
        available -= count;
        return (int) (buffer >>> available) & ((1 << count) - 1);
    }
}
