package dev.microvm.boot.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Reads an image once, from the first byte to the last. */
public interface ImageReader extends AutoCloseable {
    /**
     * Passes over {@code count} bytes.
     *
     * @throws InvalidImageException if the image ends before
     */
    void skip(long count) throws IOException;

    /**
     * Fills {@code target} with the next bytes, straight into it where that can be.
     *
     * @throws InvalidImageException if the image ends before, or cannot be unpacked
     */
    void read(MemorySegment target) throws IOException;

    @Override
    void close() throws IOException;

    /** The error of an image that ends at {@code position} though {@code missing} more bytes are to be read. */
    static InvalidImageException cutShort(long position, long missing) {
        return new InvalidImageException(
                "%d more bytes at offset 0x%x".formatted(missing, position), "the end: the image is cut short");
    }
}
