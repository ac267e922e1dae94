package dev.microvm.sandbox.tar;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/** The content of a file that is stored with holes, which are read as zeros. */
final class SparseInput extends InputStream {
    private final InputStream stored;
    private final SparseMap map;
    private final long size;
    private long position;
    private int piece; // the first that does not end before the position

    /**
     * Reads the pieces of a map.
     *
     * @param map checked
     * @param size of the file
     */
    SparseInput(InputStream stored, SparseMap map, long size) {
        this.stored = stored;
        this.map = map;
        this.size = size;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        if (length == 0) return 0;
        while (piece < map.pieces() && map.offset(piece) + map.length(piece) <= position) piece++;
        long next = piece < map.pieces() ? map.offset(piece) : size;
        int count;
        if (position < next) {
            count = (int) Math.min(length, next - position);
            Arrays.fill(to, offset, offset + count, (byte) 0);
        } else if (position < size) {
            long left = next + map.length(piece) - position;
            count = stored.read(to, offset, (int) Math.min(length, left));
            if (count < 0) throw new EOFException("the archive is cut short");
        } else {
            return -1;
        }
        position += count;
        return count;
    }
}
