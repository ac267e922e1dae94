package dev.microvm.boot.image;

/**
 * A compressed image: a whole file, or the payload of a bzImage. Any thread may use it.
 *
 * @param compression how it is compressed
 * @param packed the compressed bytes; those behind the compressed data are ignored, such as the
 *     unpacked size in 4 bytes, which a kernel's build appends
 */
public record PackedImage(Compression compression, FileImage packed) implements ImageSource {
    /**
     * Starts unpacking.
     *
     * @throws InvalidImageException if the payload is corrupt, or the JVM may not use as much heap
     *     as it needs; the reader may throw it later, too
     */
    @Override
    public ImageReader open(long limit, Cancellation cancellation) {
        return Decompressors.open(compression, packed, limit, cancellation);
    }

    /**
     * Unpacks the first {@code max} bytes, or all if there are fewer.
     *
     * @throws InvalidImageException if they cannot be unpacked
     */
    public byte[] head(int max) {
        return Decompressors.head(compression, packed, max);
    }

    @Override
    public boolean isPacked() {
        return true;
    }
}
