package dev.microvm.boot.image;

import dev.microvm.compress.CompressionException;
import dev.microvm.compress.Lz4Block;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayDeque;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import org.jspecify.annotations.Nullable;

/**
 * Unpacks an LZ4 legacy frame: the magic number, then blocks after their compressed lengths, each
 * of which unpacks to 8 MiB, except for the last. {@code lz4 -l} writes it, and so does a kernel
 * build. For one thread.
 *
 * <p>Blocks are independent, so some are unpacked at the same time, ahead of the reader, in the
 * common pool.
 *
 * <p>Source: lz4 doc/lz4_Frame_format.md, "Legacy frame"; lz4 doc/lz4_Block_format.md; Linux
 * lib/decompress_unlz4.c for what may follow.
 */
final class Lz4LegacyStream extends InputStream {
    static final int MAGIC = 0x184C2102;
    private static final String FORMAT = "LZ4";
    private static final int BLOCK_SIZE = 8 * 1024 * 1024; // unpacked bytes
    private static final int MAX_AHEAD = 4; // blocks

    /** Bytes that say the length of a run of literals, even if little of the run is wanted. */
    private static final int LONGEST_LENGTH = BLOCK_SIZE / 255 + 1;

    /** The buffers of a block that is being unpacked. */
    private static final class Block {
        private final byte[] packed;
        private final byte[] bytes;
        private int size; // of what is in bytes

        Block(int packedSize, int size) {
            packed = new byte[packedSize];
            bytes = new byte[size];
        }

        Block unpack(int packedSize) {
            size = Lz4Block.unpack(packed, 0, packedSize, bytes);
            return this;
        }
    }

    private final InputStream in;
    private final int depth; // blocks that are unpacked at the same time
    private final int bufferSize;
    private final int packedSize; // of a block, as far as it is needed
    private long toUnpack; // bytes still needed from further blocks
    private boolean ended; // no further block in the input
    private final ArrayDeque<CompletableFuture<Block>> ahead = new ArrayDeque<>();
    private @Nullable Block block; // being read
    private int blockRead; // of which this many bytes were returned

    /**
     * Begins the frame at the start of {@code in}; at most {@code limit} bytes will be read.
     *
     * @throws CompressionException if it does not begin as one
     */
    Lz4LegacyStream(InputStream in, long limit, UnpackingHeap heap) throws IOException {
        this.in = in;
        if (readInt() != MAGIC) throw corrupt("another magic number");
        toUnpack = limit;
        bufferSize = (int) Math.min(BLOCK_SIZE, limit);
        packedSize = maxPackedSize(bufferSize) + LONGEST_LENGTH;
        long blockHeap = (long) bufferSize + packedSize;
        long most = Math.min(MAX_AHEAD, Runtime.getRuntime().availableProcessors());
        depth = (int) Math.clamp(heap.most() / blockHeap, 1, most);
        heap.accept(depth * blockHeap);
    }

    /**
     * Returns the maximum compressed size in bytes: an incompressible block grows by a 255th and 16
     * bytes: lz4.h, LZ4_COMPRESSBOUND.
     */
    private static int maxPackedSize(int size) {
        return size + size / 255 + 16;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        if (length == 0) return 0;
        while (block == null || blockRead == block.size) {
            if (!nextBlock()) return -1;
        }
        int count = Math.min(length, block.size - blockRead);
        System.arraycopy(block.bytes, blockRead, to, offset, count);
        blockRead += count;
        return count;
    }

    @Override
    public void close() throws IOException {
        // No task may run after this returns; errors in blocks that are not needed are ignored.
        ahead.forEach(unwanted -> unwanted.exceptionally(e -> new Block(0, 0)).join());
        ahead.clear();
        in.close();
    }

    private boolean nextBlock() throws IOException {
        Block free = block;
        block = null;
        blockRead = 0;
        while (ahead.size() < depth && toUnpack > 0 && !ended) {
            unpackAhead(free);
            free = null;
        }
        CompletableFuture<Block> first = ahead.poll();
        if (first == null) return false;
        try {
            block = first.join();
            return true;
        } catch (CompletionException e) {
            if (e.getCause() instanceof CompressionException corrupt) throw corrupt;
            throw e;
        }
    }

    /**
     * Starts to unpack the next block, if there is one. After the last one the kernel's build
     * appends the unpacked size (size_append in scripts/Makefile.lib), 4 bytes with nothing behind
     * them, and an initial file system may have zeros.
     */
    private void unpackAhead(@Nullable Block free) throws IOException {
        int length = readInt();
        while (length == MAGIC) length = readInt(); // of a frame that was appended
        if (length == 0) ended = true; // zeros, or the end of the input
        if (ended) return;
        if (length < 0 || length > maxPackedSize(BLOCK_SIZE)) {
            throw corrupt("a block of 0x%x bytes".formatted(length));
        }
        Block next = free == null ? new Block(packedSize, bufferSize) : free;
        int wanted = Math.min(length, next.packed.length); // more would unpack to more than the limit
        int taken = in.readNBytes(next.packed, 0, wanted);
        if (taken == 0) {
            ended = true;
            return;
        }
        if (taken < wanted) throw corrupt("one that is cut short");
        toUnpack -= BLOCK_SIZE;
        ahead.add(CompletableFuture.supplyAsync(() -> next.unpack(taken)));
    }

    /** Reads a little-endian number; 0 at the end of the input. */
    private int readInt() throws IOException {
        byte[] bytes = in.readNBytes(Integer.BYTES);
        return bytes.length < Integer.BYTES ? 0 : LittleEndian.getInt(bytes, 0);
    }

    private static CompressionException corrupt(String found) {
        return new CompressionException(FORMAT, found);
    }
}
