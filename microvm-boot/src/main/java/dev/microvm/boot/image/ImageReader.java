package dev.microvm.boot.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** Reads an image once, from the first byte to the last. */
public interface ImageReader extends AutoCloseable {
    /**
     * Skips {@code count} bytes.
     *
     * @throws InvalidImageException if the image ends earlier
     */
    void skip(long count) throws IOException;

    /**
     * Fills {@code target} with the next bytes, without a copy in between if possible.
     *
     * @throws InvalidImageException if the image ends earlier, or cannot be unpacked
     */
    void read(MemorySegment target) throws IOException;

    @Override
    void close() throws IOException;

    /**
     * Returns the exception for an image that ends at {@code position}, {@code missing} bytes too
     * early.
     */
    static InvalidImageException cutShort(long position, long missing) {
        return new InvalidImageException(
                "%d more bytes at offset 0x%x".formatted(missing, position), "the end: the image is cut short");
    }
}
