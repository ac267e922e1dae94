package dev.microvm.boot.image;

import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;

/** The next bytes of a reader, as a stream. Read it through a buffer. */
final class FileRegionStream extends InputStream {
    private final ImageReader reader;
    private long left;

    /** Reads {@code size} bytes; if the file has fewer, reading throws {@link InvalidImageException}. */
    FileRegionStream(ImageReader reader, long size) {
        this.reader = reader;
        left = size;
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
        int count = (int) Math.min(length, left);
        reader.read(MemorySegment.ofArray(to).asSlice(offset, count));
        left -= count;
        return count;
    }

    @Override
    public long skip(long count) throws IOException {
        long skipped = Math.clamp(count, 0, left);
        reader.skip(skipped);
        left -= skipped;
        return skipped;
    }

    @Override
    public void close() throws IOException {
        reader.close();
    }
}
