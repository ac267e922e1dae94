package dev.microvm.sandbox.tar;

import java.io.EOFException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/** The next bytes of a stream, as a stream of its own. Fails if there are fewer. */
public final class BoundedInput extends FilterInputStream {
    private long left;

    /** Reads {@code size} bytes of {@code in}. */
    public BoundedInput(InputStream in, long size) {
        super(in);
        left = size;
    }

    /** Returns how many bytes were not read yet. */
    long left() {
        return left;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        if (length == 0) return 0;
        if (left == 0) return -1;
        int count = in.read(to, offset, (int) Math.min(length, left));
        if (count < 0) throw new EOFException("the archive is cut short");
        left -= count;
        return count;
    }

    @Override
    public long skip(long count) throws IOException {
        long skipped = in.skip(Math.min(count, left));
        left -= skipped;
        return skipped;
    }

    @Override
    public boolean markSupported() {
        return false;
    }
}
