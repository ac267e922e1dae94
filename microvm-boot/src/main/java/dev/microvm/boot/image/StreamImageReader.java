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
    private final String format;
    private final byte[] buffer = new byte[BUFFER_SIZE];
    private long position;

    /** {@code format} names the compression in messages. */
    StreamImageReader(InputStream in, String format) {
        this.in = in;
        this.format = format;
    }

    @Override
    public void skip(long count) throws IOException {
        for (long left = count; left > 0; ) {
            left -= fill(left);
        }
    }

    @Override
    public void read(MemorySegment target) throws IOException {
        for (long done = 0; done < target.byteSize(); ) {
            int count = fill(target.byteSize() - done);
            MemorySegment.copy(buffer, 0, target, JAVA_BYTE, done, count);
            done += count;
        }
    }

    @Override
    public void close() throws IOException {
        in.close();
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
            // The compressed bytes are in memory, so the exception is the decompressor's, not the disk's.
            throw new InvalidImageException(
                    "an intact %s payload".formatted(format),
                    "data that cannot be unpacked after 0x%x bytes: %s".formatted(position, e.getMessage()),
                    e);
        }
    }
}
