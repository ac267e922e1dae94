package dev.microvm.compress;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;
import java.util.function.LongConsumer;

/**
 * Unpacks a zstd frame, block by block as far as the caller wants. For one thread.
 *
 * <p>Source: RFC 8878, 3.1.1. Not done: dictionaries, frames behind the first, the frame's
 * checksum. Written here because a kernel's build uses windows of up to 128 MiB
 * (scripts/Makefile.lib: {@code zstd -22 --ultra}), which the libraries in pure Java do not take.
 *
 * <p>The output is an array that holds the window and some blocks behind it. When it is full, the
 * window moves to its start.
 */
final class ZstdDecoder {
    private static final int MAGIC = 0xFD2FB528;

    // Frame_Header_Descriptor
    private static final int CONTENT_SIZE_SHIFT = 6;
    private static final int SINGLE_SEGMENT = 1 << 5;
    private static final int RESERVED = 1 << 3;
    private static final int CHECKSUM = 1 << 2;
    private static final int DICTIONARY_MASK = 3;
    private static final int TWO_BYTES_BIAS = 256; // of a content size of 2 bytes: 3.1.1.1.4

    // Window_Descriptor: 3.1.1.1.2
    private static final int MIN_WINDOW_LOG = 10;
    private static final int MANTISSA_BITS = 3;

    private static final int BLOCK_HEADER_SIZE = 3; // bytes
    private static final int RAW_BLOCK = 0;
    private static final int RLE_BLOCK = 1;
    private static final int COMPRESSED_BLOCK = 2;

    private final InputStream in;
    private final byte[] block = new byte[Zstd.MAX_BLOCK_SIZE]; // as it is stored
    private boolean checksum; // whether one follows the last block
    private boolean last; // whether there is no further block

    private final long limit;
    private final int window;
    private final byte[] out;
    private int end; // of what was unpacked last, in out
    private long total; // bytes that were unpacked

    private final ZstdLiterals literals = new ZstdLiterals();
    private final ZstdSequences sequences = new ZstdSequences();

    /**
     * Begins the frame at the start of {@code in}; no byte behind it is read.
     *
     * @param limit the most that the caller wants, in bytes
     * @param heap is told how many bytes of heap are about to be allocated; it may throw
     * @throws CompressionException if it does not begin as one
     * @throws IOException if {@code in} cannot be read
     */
    ZstdDecoder(InputStream in, long limit, LongConsumer heap) throws IOException {
        this.in = in;
        this.limit = limit;
        long needed = readFrameHeader();
        if (needed > ZstdInputStream.MAX_WINDOW) {
            throw Zstd.corrupt("a window of %d bytes, above %d".formatted(needed, ZstdInputStream.MAX_WINDOW));
        }
        window = (int) needed;
        int blocks = Math.max(Zstd.MAX_BLOCK_SIZE, window / 2);
        int size = (int) Math.min(window + blocks, limit + Zstd.MAX_BLOCK_SIZE);
        heap.accept(size);
        out = new byte[size];
    }

    /** The array with what was unpacked last, up to {@link #end}. */
    byte[] bytes() {
        return out;
    }

    /** Where in {@link #bytes} the last block ends. */
    int end() {
        return end;
    }

    /** Whether the frame has no further block. */
    boolean finished() {
        return last;
    }

    /**
     * Unpacks the next block; there must be one.
     *
     * @return its size, which may be 0
     * @throws CompressionException if it is corrupt, or all that the caller wanted was unpacked
     *     before
     * @throws IOException if the input cannot be read
     */
    int unpackNextBlock() throws IOException {
        if (total > limit) throw Zstd.corrupt("more than %d unpacked bytes".formatted(limit));
        if (out.length - end < Zstd.MAX_BLOCK_SIZE) slide();
        int start = end;
        try {
            unpackBlock();
        } catch (IndexOutOfBoundsException e) {
            throw new CompressionException(Zstd.FORMAT, "one that is cut short or corrupt", e);
        }
        total += end - start;
        return end - start;
    }

    private void slide() {
        System.arraycopy(out, end - window, out, 0, window); // there is more than a window: see the constructor
        end = window;
    }

    /** Returns the size of the window. */
    private long readFrameHeader() throws IOException {
        if (readNumber(Integer.BYTES) != Integer.toUnsignedLong(MAGIC)) throw Zstd.corrupt("another magic number");
        int descriptor = (int) readNumber(1);
        if ((descriptor & (RESERVED | DICTIONARY_MASK)) != 0) {
            throw Zstd.corrupt("a frame with a dictionary or reserved bits: 0x%x".formatted(descriptor));
        }
        checksum = (descriptor & CHECKSUM) != 0;
        boolean single = (descriptor & SINGLE_SEGMENT) != 0;
        long size = single ? 0 : windowSize((int) readNumber(1));
        int sizeFlag = descriptor >>> CONTENT_SIZE_SHIFT;
        int sizeBytes = sizeFlag == 0 ? (single ? 1 : 0) : 1 << sizeFlag;
        long content = readNumber(sizeBytes) + (sizeBytes == Short.BYTES ? TWO_BYTES_BIAS : 0);
        if (content < 0) throw Zstd.corrupt("a frame of 2^63 bytes or more");
        return single ? content : size;
    }

    private static long windowSize(int descriptor) {
        long base = 1L << (MIN_WINDOW_LOG + (descriptor >>> MANTISSA_BITS));
        return base + (base >>> MANTISSA_BITS) * (descriptor & ((1 << MANTISSA_BITS) - 1));
    }

    /** Reads a little-endian number of {@code size} bytes. */
    private long readNumber(int size) throws IOException {
        readFully(size);
        long value = 0;
        for (int i = size - 1; i >= 0; i--) {
            value = value << Byte.SIZE | (block[i] & 0xFF);
        }
        return value;
    }

    private void readFully(int size) throws IOException {
        if (in.readNBytes(block, 0, size) != size) throw Zstd.corrupt("one that is cut short");
    }

    private void unpackBlock() throws IOException {
        int header = (int) readNumber(BLOCK_HEADER_SIZE);
        last = (header & 1) != 0;
        int type = header >>> 1 & 3;
        int size = header >>> 3;
        if (size > Zstd.MAX_BLOCK_SIZE) throw Zstd.corrupt("a block of %d bytes".formatted(size));
        readFully(type == RLE_BLOCK ? 1 : size);
        switch (type) {
            case RAW_BLOCK -> {
                System.arraycopy(block, 0, out, end, size);
                end += size;
            }
            case RLE_BLOCK -> {
                Arrays.fill(out, end, end + size, block[0]);
                end += size;
            }
            case COMPRESSED_BLOCK -> unpackCompressed(size);
            default -> throw Zstd.corrupt("a block of reserved type");
        }
        if (last && checksum) in.skipNBytes(Integer.BYTES); // not checked
    }

    private void unpackCompressed(int size) {
        if (size == 0) throw Zstd.corrupt("an empty compressed block");
        int blockStart = end;
        sequences.begin(block, literals.unpack(block, 0, size), size);
        int used = 0; // literals
        while (sequences.next()) {
            int length = sequences.literalsLength;
            long offset = sequences.offset;
            if (length > literals.size - used
                    || offset <= 0
                    || offset > window
                    || offset > end + (long) length
                    || end - blockStart + (long) length + sequences.matchLength > Zstd.MAX_BLOCK_SIZE) {
                throw Zstd.corrupt("a sequence past its literals, its block or the start");
            }
            System.arraycopy(literals.bytes, used, out, end, length);
            used += length;
            end += length;
            copyMatch((int) offset, sequences.matchLength);
        }
        int rest = literals.size - used;
        if (end - blockStart + rest > Zstd.MAX_BLOCK_SIZE) throw Zstd.corrupt("a block of more than 128 KiB");
        System.arraycopy(literals.bytes, used, out, end, rest);
        end += rest;
    }

    private void copyMatch(int offset, int length) {
        int stop = end + length;
        if (offset >= length) {
            System.arraycopy(out, end - offset, out, end, length);
        } else { // it runs into what it writes
            for (int i = end; i < stop; i++) {
                out[i] = out[i - offset];
            }
        }
        end = stop;
    }
}
