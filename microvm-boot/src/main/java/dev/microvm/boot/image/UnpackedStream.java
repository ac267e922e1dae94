package dev.microvm.boot.image;

import dev.microvm.compress.CompressionException;
import java.io.FilterInputStream;
import java.io.IOException;
import java.io.InputStream;

/**
 * The unpacked bytes of compressed data that is a part of a longer stream. Reading takes nothing
 * from that stream but the compressed data, and closing leaves the stream open. For one thread.
 */
public final class UnpackedStream extends FilterInputStream {
    private final UnpackingHeap heap;

    private UnpackedStream(InputStream in, UnpackingHeap heap) {
        super(in);
        this.heap = heap;
    }

    /**
     * Begins to unpack.
     *
     * @param in supports {@link InputStream#mark} and is at the first compressed byte
     * @param limit the most that will be read, in bytes
     * @throws CompressionException if the data is corrupt; reading may throw it, too
     * @throws InvalidImageException if the JVM may not use as much heap as this needs
     * @throws IOException if {@code in} cannot be read, or the data is corrupt
     */
    public static UnpackedStream of(Compression compression, InputStream in, long limit) throws IOException {
        UnpackingHeap heap = new UnpackingHeap(compression.name(), Cancellation.NEVER);
        try {
            return new UnpackedStream(Decompressors.stream(compression, unclosed(in), limit, heap, false), heap);
        } catch (RuntimeException | Error | IOException e) {
            heap.close();
            throw e;
        }
    }

    private static InputStream unclosed(InputStream in) {
        return new FilterInputStream(in) {
            @Override
            public void close() {}
        };
    }

    @Override
    public void close() throws IOException {
        try (heap) {
            super.close();
        }
    }
}
