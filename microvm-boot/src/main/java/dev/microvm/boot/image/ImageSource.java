package dev.microvm.boot.image;

import java.io.IOException;

/** Supplies the bytes of an image; each {@link #open} starts at the first byte. */
@FunctionalInterface
public interface ImageSource {
    /**
     * Starts reading.
     *
     * @param limit maximum number of bytes to read; a decompressor need not produce more
     * @throws IOException if the file cannot be read
     * @throws InvalidImageException if its content cannot be unpacked
     */
    ImageReader open(long limit) throws IOException;
}
