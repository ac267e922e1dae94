package dev.microvm.boot.image;

import java.io.IOException;

/** Supplies the bytes of an image; each {@link #open} starts at the first byte. */
public sealed interface ImageSource permits FileImage, PackedImage {
    /**
     * Starts reading.
     *
     * @param limit maximum number of bytes to read; a decompressor need not produce more
     * @param cancellation asked while this waits for other machines
     * @throws IOException if the file cannot be read
     * @throws InvalidImageException if its content cannot be unpacked
     */
    ImageReader open(long limit, Cancellation cancellation) throws IOException;

    /** Whether a reader must unpack what it skips. */
    boolean isPacked();
}
