package dev.microvm.boot.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.compress.CompressionException;
import dev.microvm.compress.ZstdDecoder;
import java.lang.foreign.MemorySegment;

/** Reads an image in a zstd frame, block by block, as far as needed. */
public final class ZstdReader implements ImageReader {
    private final ZstdDecoder decoder;
    private int position; // of the next byte to return

    /**
     * Reads the frame at {@code [start, end)} of {@code in}; at most {@code limit} bytes will be
     * read.
     */
    ZstdReader(byte[] in, int start, int end, long limit) {
        if (limit > ZstdDecoder.MAX_SIZE) {
            throw new InvalidImageException(
                    "an image of at most %d bytes in a zstd payload".formatted(ZstdDecoder.MAX_SIZE), limit + " bytes");
        }
        try {
            decoder = new ZstdDecoder(in, start, end, limit);
        } catch (CompressionException e) {
            throw InvalidImageException.of(e);
        }
    }

    /**
     * Unpacks a whole file.
     *
     * @param packed the file
     * @param limit maximum unpacked size in bytes
     * @throws InvalidImageException if it is corrupt, or larger
     */
    public static byte[] unpack(byte[] packed, int limit) {
        try {
            return ZstdDecoder.unpack(packed, limit);
        } catch (CompressionException e) {
            throw InvalidImageException.of(e);
        }
    }

    @Override
    public void skip(long count) {
        advance(count);
    }

    @Override
    public void read(MemorySegment target) {
        int size = (int) Math.min(target.byteSize(), Integer.MAX_VALUE);
        advance(target.byteSize());
        MemorySegment.copy(decoder.bytes(), position - size, target, JAVA_BYTE, 0, size);
    }

    @Override
    public void close() {}

    private void advance(long count) {
        while (count > decoder.unpacked() - position) {
            if (decoder.finished()) {
                int unpacked = decoder.unpacked();
                throw ImageReader.cutShort(unpacked, count - (unpacked - position));
            }
            try {
                decoder.unpackNextBlock();
            } catch (CompressionException e) {
                throw InvalidImageException.of(e);
            }
        }
        position += (int) count;
    }
}
