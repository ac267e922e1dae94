package dev.microvm.boot.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.compress.CompressionException;
import java.io.IOException;
import java.io.InputStream;
import java.lang.foreign.MemorySegment;

/** Reads an image from a decompressor's stream. */
final class StreamImageReader implements ImageReader {
    private static final int BUFFER_SIZE = 128 * 1024; // bytes; stays in a CPU's second-level cache

    private final InputStream in;
    private final Compression compression;
    private final UnpackingHeap heap;
    private final byte[] buffer = new byte[BUFFER_SIZE];
    private long position;

    /** Closes {@code in} and gives {@code heap} back at the end. */
    StreamImageReader(InputStream in, Compression compression, UnpackingHeap heap) {
        this.in = in;
        this.compression = compression;
        this.heap = heap;
    }

    @Override
    public void skip(long count) {
        for (long left = count; left > 0; ) {
            left -= fill(left);
        }
    }

    @Override
    public void read(MemorySegment target) {
        for (long done = 0; done < target.byteSize(); ) {
            int count = fill(target.byteSize() - done);
            MemorySegment.copy(buffer, 0, target, JAVA_BYTE, done, count);
            done += count;
        }
    }

    @Override
    public void close() throws IOException {
        try (heap) {
            in.close();
        }
    }

    private int fill(long wanted) {
        try {
            int count = in.read(buffer, 0, (int) Math.min(wanted, buffer.length));
            if (count <= 0) throw ImageReader.cutShort(position, wanted);
            position += count;
            return count;
        } catch (CompressionException e) {
            throw InvalidImageException.of(e);
        } catch (IOException | IllegalArgumentException | IndexOutOfBoundsException e) {
            // What the XZ library throws for corrupt data; a disk's error says so itself.
            throw new InvalidImageException(
                    "an intact %s payload".formatted(compression),
                    "data that cannot be unpacked after 0x%x bytes: %s".formatted(position, e.getMessage()),
                    e);
        }
    }
}
