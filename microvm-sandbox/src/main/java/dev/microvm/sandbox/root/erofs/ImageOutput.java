package dev.microvm.sandbox.root.erofs;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;

/** Writes an image from its beginning to its end, in large pieces. For one thread. */
final class ImageOutput {
    private static final int PIECE = 1 << 20; // bytes

    private final FileChannel file;
    private final ByteBuffer piece = ByteBuffer.allocate(PIECE).order(ByteOrder.LITTLE_ENDIAN);
    private long start; // of the piece in the file

    ImageOutput(FileChannel file) {
        this.file = file;
    }

    /** Where the next byte goes. */
    long position() {
        return start + piece.position();
    }

    /** A buffer for exactly {@code size} bytes at the position, which the caller fills; all zero. */
    ByteBuffer buffer(int size) {
        if (piece.remaining() < size) flush();
        int at = piece.position();
        ByteBuffer slice = piece.slice(at, size).order(ByteOrder.LITTLE_ENDIAN);
        piece.put(new byte[size]);
        return slice;
    }

    void put(byte[] bytes) {
        int done = 0;
        while (done < bytes.length) {
            if (!piece.hasRemaining()) flush();
            int count = Math.min(bytes.length - done, piece.remaining());
            piece.put(bytes, done, count);
            done += count;
        }
    }

    /**
     * Copies exactly {@code size} bytes.
     *
     * @throws IOException if {@code in} cannot be read, or ends before
     */
    void copy(InputStream in, long size) throws IOException {
        long left = size;
        while (left > 0) {
            if (!piece.hasRemaining()) flush();
            int wanted = (int) Math.min(left, piece.remaining());
            int count = in.read(piece.array(), piece.position(), wanted);
            if (count < 0) throw new EOFException("it ends %d bytes early".formatted(left));
            piece.position(piece.position() + count);
            left -= count;
        }
    }

    /** Zeroes up to the next block. */
    void align() {
        skipTo(ErofsFormat.blocks(position()) << ErofsFormat.BLOCK_BITS);
    }

    /** Zeroes up to a place that is not behind the position. */
    void skipTo(long to) {
        while (position() < to) {
            if (!piece.hasRemaining()) flush();
            int count = (int) Math.min(to - position(), piece.remaining());
            piece.put(new byte[count]);
        }
    }

    /** Continues at another place, which was written before or is behind the end. */
    void seek(long to) {
        flush();
        start = to;
    }

    /** Writes what is still in memory. */
    void flush() {
        piece.flip();
        long at = start;
        try {
            while (piece.hasRemaining()) at += file.write(piece, at);
        } catch (IOException e) {
            throw new UncheckedIOException("the image cannot be written: " + e.getMessage(), e);
        }
        start = at;
        piece.clear();
    }
}
