package dev.microvm.boot.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.compress.CompressionException;
import dev.microvm.compress.Lz4Block;
import java.lang.foreign.MemorySegment;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * Reads an LZ4 legacy frame: the magic number, then blocks after their compressed lengths, each of
 * which unpacks to 8 MiB, except for the last. {@code lz4 -l} writes it, and so does a kernel
 * build.
 *
 * <p>Blocks are independent, so some are unpacked at the same time, ahead of the reader, in the
 * common pool.
 *
 * <p>Source: lz4 doc/lz4_Frame_format.md, "Legacy frame"; lz4 doc/lz4_Block_format.md.
 */
final class Lz4LegacyReader implements ImageReader {
    static final int MAGIC = 0x184C2102;
    private static final int BLOCK_SIZE = 8 * 1024 * 1024; // unpacked bytes

    /**
     * Maximum compressed size in bytes: an incompressible block grows by a 255th and 16 bytes:
     * lz4.h, LZ4_COMPRESSBOUND.
     */
    private static final int MAX_PACKED_SIZE = BLOCK_SIZE + BLOCK_SIZE / 255 + 16;

    private static final int MAX_AHEAD = 4; // blocks, of 8 MiB of heap each

    /** What a block unpacked to: the first {@code size} of {@code bytes}. */
    @SuppressWarnings("ArrayRecordComponent") // handed from one thread to the next, never compared
    private record Block(byte[] bytes, int size) {
        static final Block NONE = new Block(new byte[0], 0);
    }

    private final byte[] packed;
    private final int end; // of the frame in packed
    private int next; // offset of the length of the next block to unpack
    private long toUnpack; // bytes still needed from further blocks
    private final int bufferSize;
    private final ArrayDeque<CompletableFuture<Block>> ahead = new ArrayDeque<>();
    private Block block = Block.NONE; // being read
    private int blockRead; // of which this many bytes were returned
    private long position; // of the next byte to return

    /**
     * Reads the frame at {@code [start, end)} of {@code packed}; at most {@code limit} bytes will
     * be read.
     */
    Lz4LegacyReader(byte[] packed, int start, int end, long limit) {
        this.packed = packed;
        this.end = end;
        next = start + Integer.BYTES;
        toUnpack = limit;
        bufferSize = (int) Math.min(BLOCK_SIZE, limit);
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
            MemorySegment.copy(block.bytes(), blockRead - count, target, JAVA_BYTE, done, count);
            done += count;
        }
    }

    @Override
    public void close() {
        // No task may run after this returns; errors in blocks that are not needed are ignored.
        ahead.forEach(unwanted -> unwanted.exceptionally(e -> Block.NONE).join());
    }

    /** Returns up to {@code wanted} bytes: those in {@code block} before {@code blockRead}. */
    private int take(long wanted) {
        if (blockRead == block.size()) nextBlock(wanted);
        int count = (int) Math.min(wanted, block.size() - blockRead);
        blockRead += count;
        position += count;
        return count;
    }

    private void nextBlock(long wanted) {
        byte @Nullable [] free = block.bytes().length == bufferSize ? block.bytes() : null;
        int depth = Math.min(MAX_AHEAD, Runtime.getRuntime().availableProcessors());
        while (ahead.size() < depth && toUnpack > 0 && end - next > Integer.BYTES) {
            unpackAhead(free == null ? new byte[bufferSize] : free);
            free = null;
        }
        CompletableFuture<Block> first = ahead.poll();
        if (first == null) throw ImageReader.cutShort(position, wanted);
        try {
            block = first.join();
        } catch (CompletionException e) {
            if (e.getCause() instanceof CompressionException corrupt) {
                throw new InvalidImageException("an intact LZ4 block", String.valueOf(corrupt.getMessage()), corrupt);
            }
            throw e;
        }
        blockRead = 0;
        if (block.size() == 0) throw ImageReader.cutShort(position, wanted);
    }

    /**
     * Starts to unpack the next block. After the last one the kernel's build appends the unpacked
     * size (size_append in scripts/Makefile.lib): 4 bytes, too few for a block.
     */
    private void unpackAhead(byte[] buffer) {
        int length = LittleEndian.getInt(packed, next);
        int start = next + Integer.BYTES;
        if (length <= 0 || length > MAX_PACKED_SIZE || length > end - start) {
            throw new InvalidImageException(
                    "an LZ4 block of 1 to %d bytes".formatted(Math.min(MAX_PACKED_SIZE, end - start)),
                    "one of 0x%x at offset 0x%x of the bzImage".formatted(length, next));
        }
        next = start + length;
        toUnpack -= BLOCK_SIZE;
        ahead.add(CompletableFuture.supplyAsync(
                () -> new Block(buffer, Lz4Block.unpack(packed, start, start + length, buffer))));
    }
}
