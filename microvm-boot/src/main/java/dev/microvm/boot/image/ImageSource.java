package dev.microvm.boot.image;

import java.io.IOException;

/** Where the bytes of an image come from; each {@link #open} starts again at the first. */
@FunctionalInterface
public interface ImageSource {
    /**
     * Starts reading.
     *
     * @param limit how many bytes will be read at most; a decompressor need not produce more
     * @throws IOException if the file cannot be read
     * @throws InvalidImageException if what is in it cannot be unpacked
     */
    ImageReader open(long limit) throws IOException;
}
