package dev.microvm.compress;

import java.util.Arrays;

/**
 * Unpacks a zstd frame, block by block as far as the caller wants. For one thread.
 *
 * <p>Source: RFC 8878, 3.1.1. Not done: dictionaries, frames behind the first, the frame's
 * checksum. Written here because a kernel's build uses windows of up to 128 MiB
 * (scripts/Makefile.lib: {@code zstd -22 --ultra}), which the libraries in pure Java do not take.
 * All that was unpacked stays in one array, which is the window.
 */
public final class ZstdDecoder {
    private static final int MAGIC = 0xFD2FB528;
    private static final int FIRST_CAPACITY = 1024 * 1024; // bytes

    /** The most that a frame may unpack to, in bytes: it is an array of that size. */
    public static final long MAX_SIZE = 1L << 30;

    // Frame_Header_Descriptor
    private static final int CONTENT_SIZE_SHIFT = 6;
    private static final int SINGLE_SEGMENT = 1 << 5;
    private static final int RESERVED = 1 << 3;
    private static final int DICTIONARY_MASK = 3;

    private static final int BLOCK_HEADER_SIZE = 3; // bytes
    private static final int RAW_BLOCK = 0;
    private static final int RLE_BLOCK = 1;
    private static final int COMPRESSED_BLOCK = 2;

    private final byte[] in;
    private final int end;
    private int at; // the next block
    private boolean last; // whether there is no further block

    private final int limit;
    private byte[] out;
    private int unpacked; // bytes in out

    private final ZstdLiterals literals = new ZstdLiterals();
    private final ZstdSequences sequences = new ZstdSequences();

    /**
     * Begins the frame at {@code [start, end)} of {@code in}; what follows it there is not looked
     * at.
     *
     * @param limit the most that it may unpack to, in bytes: 0 to {@link #MAX_SIZE}
     * @throws CompressionException if it does not begin as one
     * @throws IllegalArgumentException if the limit is out of its range
     */
    public ZstdDecoder(byte[] in, int start, int end, long limit) {
        if (limit < 0 || limit > MAX_SIZE) {
            throw new IllegalArgumentException("limit: 0 to %d bytes, was %d".formatted(MAX_SIZE, limit));
        }
        this.in = in;
        this.end = end;
        this.limit = (int) limit + Zstd.MAX_BLOCK_SIZE;
        out = new byte[Math.min(this.limit, FIRST_CAPACITY)];
        try {
            readFrameHeader(start);
        } catch (IndexOutOfBoundsException e) {
            throw cutShort(e);
        }
    }

    /**
     * Unpacks a whole frame.
     *
     * @param packed begins with it
     * @param limit the most that it may unpack to, in bytes: 0 to {@link #MAX_SIZE}
     * @throws CompressionException if it is corrupt, or larger
     */
    public static byte[] unpack(byte[] packed, int limit) {
        ZstdDecoder decoder = new ZstdDecoder(packed, 0, packed.length, limit);
        while (!decoder.last) {
            decoder.unpackNextBlock();
        }
        return Arrays.copyOf(decoder.out, decoder.unpacked);
    }

    /** What was unpacked so far, {@link #unpacked} bytes; another array when more was. */
    public byte[] bytes() {
        return out;
    }

    /** How many bytes were unpacked so far. */
    public int unpacked() {
        return unpacked;
    }

    /** Whether the frame has no further block. */
    public boolean finished() {
        return last;
    }

    /**
     * Unpacks the next block; there must be one.
     *
     * @throws CompressionException if it is corrupt, or all that the caller wanted was unpacked
     *     before
     */
    public void unpackNextBlock() {
        if (unpacked > limit - Zstd.MAX_BLOCK_SIZE) { // can be only where all of it is wanted
            throw Zstd.corrupt("more than %d unpacked bytes".formatted(limit - Zstd.MAX_BLOCK_SIZE));
        }
        try {
            unpackBlock();
        } catch (IndexOutOfBoundsException e) {
            throw cutShort(e);
        }
    }

    private void readFrameHeader(int start) {
        if (Zstd.getInt(in, start) != MAGIC) throw Zstd.corrupt("another magic number");
        int descriptor = in[start + Integer.BYTES] & 0xFF;
        if ((descriptor & (RESERVED | DICTIONARY_MASK)) != 0) {
            throw Zstd.corrupt("a frame with a dictionary or reserved bits: 0x%x".formatted(descriptor));
        }
        boolean single = (descriptor & SINGLE_SEGMENT) != 0;
        int sizeFlag = descriptor >>> CONTENT_SIZE_SHIFT;
        int sizeBytes = sizeFlag == 0 ? (single ? 1 : 0) : 1 << sizeFlag;
        at = start + Integer.BYTES + 1 + (single ? 0 : 1) + sizeBytes;
    }

    private void unpackBlock() {
        int header = (in[at] & 0xFF) | (in[at + 1] & 0xFF) << 8 | (in[at + 2] & 0xFF) << 16;
        at += BLOCK_HEADER_SIZE;
        last = (header & 1) != 0;
        int type = header >>> 1 & 3;
        int size = header >>> 3;
        int stored = type == RLE_BLOCK ? 1 : size;
        if (size > Zstd.MAX_BLOCK_SIZE || stored > end - at) {
            throw Zstd.corrupt("a block of %d bytes, with %d left".formatted(size, end - at));
        }
        makeRoom();
        switch (type) {
            case RAW_BLOCK -> {
                System.arraycopy(in, at, out, unpacked, size);
                unpacked += size;
            }
            case RLE_BLOCK -> {
                Arrays.fill(out, unpacked, unpacked + size, in[at]);
                unpacked += size;
            }
            case COMPRESSED_BLOCK -> unpackCompressed(at, at + size);
            default -> throw Zstd.corrupt("a block of reserved type");
        }
        at += stored;
    }

    private void makeRoom() {
        int wanted = unpacked + Zstd.MAX_BLOCK_SIZE; // below 2^31, since the limit is
        if (wanted <= out.length) return;
        try {
            out = Arrays.copyOf(out, (int) Math.max(wanted, Math.min(limit, out.length * 2L)));
        } catch (OutOfMemoryError e) {
            throw new CompressionException(
                    Zstd.FORMAT,
                    "more than %d unpacked bytes, for which the JVM's heap is too small".formatted(unpacked),
                    e);
        }
    }

    private void unpackCompressed(int start, int blockEnd) {
        if (start == blockEnd) throw Zstd.corrupt("an empty compressed block");
        int blockStart = unpacked;
        sequences.begin(in, literals.unpack(in, start, blockEnd), blockEnd);
        int used = 0; // literals
        while (sequences.next()) {
            int length = sequences.literalsLength;
            long offset = sequences.offset;
            if (length > literals.size - used
                    || offset <= 0
                    || offset > unpacked + (long) length
                    || unpacked - blockStart + (long) length + sequences.matchLength > Zstd.MAX_BLOCK_SIZE) {
                throw Zstd.corrupt("a sequence past its literals, its block or the start");
            }
            System.arraycopy(literals.bytes, used, out, unpacked, length);
            used += length;
            unpacked += length;
            copyMatch((int) offset, sequences.matchLength);
        }
        int rest = literals.size - used;
        if (unpacked - blockStart + rest > Zstd.MAX_BLOCK_SIZE) throw Zstd.corrupt("a block of more than 128 KiB");
        System.arraycopy(literals.bytes, used, out, unpacked, rest);
        unpacked += rest;
    }

    private void copyMatch(int offset, int length) {
        int stop = unpacked + length;
        if (offset >= length) {
            System.arraycopy(out, unpacked - offset, out, unpacked, length);
        } else { // it runs into what it writes
            for (int i = unpacked; i < stop; i++) {
                out[i] = out[i - offset];
            }
        }
        unpacked = stop;
    }

    private static CompressionException cutShort(IndexOutOfBoundsException e) {
        return new CompressionException(Zstd.FORMAT, "one that is cut short or corrupt", e);
    }
}
