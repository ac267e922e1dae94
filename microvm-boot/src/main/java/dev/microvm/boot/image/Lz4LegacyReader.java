package dev.microvm.boot.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;

/**
 * Reads an LZ4 legacy frame: the magic number, then blocks, each with its compressed length before it, that unpack to
 * 8 MiB but for the last. It is what {@code lz4 -l} writes and so what a kernel build puts into a bzImage.
 *
 * <p>Source: lz4 doc/lz4_Frame_format.md, "Legacy frame"; lz4 doc/lz4_Block_format.md.
 */
final class Lz4LegacyReader implements ImageReader {
    static final int MAGIC = 0x184C2102;
    private static final int BLOCK_SIZE = 8 * 1024 * 1024; // unpacked bytes
    /** A block grows by a 255th and 16 bytes at most when it does not compress: lz4.h, LZ4_COMPRESSBOUND. */
    private static final int MAX_PACKED_SIZE = BLOCK_SIZE + BLOCK_SIZE / 255 + 16;

    private final byte[] packed;
    private final int end; // of the frame in packed
    private int next; // where the next block's length is
    private final byte[] block;
    private int blockSize; // valid bytes in block
    private int blockRead; // of which this many were handed out
    private long position; // of the next byte handed out

    /** Reads the frame at {@code [start, end)} of {@code packed}; at most {@code limit} bytes will be asked for. */
    Lz4LegacyReader(byte[] packed, int start, int end, long limit) {
        this.packed = packed;
        this.end = end;
        next = start + Integer.BYTES;
        block = new byte[(int) Math.min(BLOCK_SIZE, limit)];
    }

    @Override
    public void skip(long count) {
        for (long left = count; left > 0; ) {
            left -= take(left);
        }
    }

    @Override
    public void read(MemorySegment target) {
        for (long done = 0; done < target.byteSize(); ) {
            int count = take(target.byteSize() - done);
            MemorySegment.copy(block, blockRead - count, target, JAVA_BYTE, done, count);
            done += count;
        }
    }

    @Override
    public void close() {}

    /** Hands out up to {@code wanted} bytes: those in {@code block} before {@code blockRead}. */
    private int take(long wanted) {
        if (blockRead == blockSize) unpackNext(wanted);
        int count = (int) Math.min(wanted, blockSize - blockRead);
        blockRead += count;
        position += count;
        return count;
    }

    private void unpackNext(long wanted) {
        // What follows the last block is the unpacked size, 4 bytes that the kernel's build appends (size_append in
        // scripts/Makefile.lib): too little to be a block.
        if (end - next <= Integer.BYTES) throw ImageReader.cutShort(position, wanted);
        int length = LittleEndian.getInt(packed, next);
        int start = next + Integer.BYTES;
        if (length <= 0 || length > MAX_PACKED_SIZE || length > end - start) {
            throw new InvalidImageException(
                    "an LZ4 block of 1 to %d bytes".formatted(Math.min(MAX_PACKED_SIZE, end - start)),
                    "one of 0x%x at offset 0x%x of the payload".formatted(length, next));
        }
        blockSize = Lz4Block.unpack(packed, start, start + length, block);
        blockRead = 0;
        next = start + length;
        if (blockSize == 0) throw ImageReader.cutShort(position, wanted);
    }
}
