package dev.microvm.compress;

import java.io.IOException;
import java.io.InputStream;
import java.util.function.LongConsumer;

/**
 * Unpacks the first zstd frame of a stream, and reads no byte behind it. For one thread.
 *
 * <p>Its heap is the frame's window and half of it again, or what the caller wants if that is less.
 * Windows of more than {@link #MAX_WINDOW} are refused.
 */
public final class ZstdInputStream extends InputStream {
    /** The largest window, in bytes, as in Linux lib/decompress_unzstd.c, ZSTD_WINDOWSIZE_MAX. */
    public static final long MAX_WINDOW = 128L << 20;

    private final InputStream in;
    private final ZstdDecoder decoder;
    private int left; // bytes of the last block that were not returned

    /**
     * Begins the frame.
     *
     * @param limit the most that will be read, in bytes
     * @param heap is told how many bytes of heap the decoder is about to allocate; it may throw
     * @throws CompressionException if the frame does not begin as one; reading may also throw it
     * @throws IOException if {@code in} cannot be read
     */
    public ZstdInputStream(InputStream in, long limit, LongConsumer heap) throws IOException {
        this.in = in;
        decoder = new ZstdDecoder(in, limit, heap);
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        if (length == 0) return 0;
        while (left == 0) {
            if (decoder.finished()) return -1;
            left = decoder.unpackNextBlock();
        }
        int count = Math.min(length, left);
        System.arraycopy(decoder.bytes(), decoder.end() - left, to, offset, count);
        left -= count;
        return count;
    }

    @Override
    public void close() throws IOException {
        in.close();
    }
}
