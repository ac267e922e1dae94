package dev.microvm.boot.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Reads a zstd frame, block by block as far as the caller wants.
 *
 * <p>Source: RFC 8878, 3.1.1. Not done: dictionaries, frames behind the first, the frame's checksum. Written here
 * because a kernel's build uses windows of up to 128 MiB (scripts/Makefile.lib: {@code zstd -22 --ultra}), which the
 * libraries in pure Java do not take. All that was unpacked stays in one array, which is the window.
 */
public final class ZstdReader implements ImageReader {
    private static final int MAGIC = 0xFD2FB528;
    private static final int FIRST_CAPACITY = 1024 * 1024; // bytes

    /** The largest image that is unpacked, in bytes: it is an array of that size. */
    private static final long MAX_SIZE = 1L << 30;

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
    private int position; // of which this many were handed out

    private final ZstdLiterals literals = new ZstdLiterals();
    private final ZstdSequences sequences = new ZstdSequences();

    /** Reads the frame at {@code [start, end)} of {@code in}; at most {@code limit} bytes will be asked for. */
    ZstdReader(byte[] in, int start, int end, long limit) {
        if (limit > MAX_SIZE) {
            throw new InvalidImageException(
                    "an image of at most %d bytes in a zstd payload".formatted(MAX_SIZE), limit + " bytes");
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
     * Unpacks a whole file.
     *
     * @param packed the file
     * @param limit the most that it may unpack to, in bytes
     * @throws InvalidImageException if it is corrupt, or larger
     */
    public static byte[] unpack(byte[] packed, int limit) {
        try (ZstdReader reader = new ZstdReader(packed, 0, packed.length, limit)) {
            while (!reader.last) {
                reader.unpackNextBlock();
            }
            return Arrays.copyOf(reader.out, reader.unpacked);
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
        MemorySegment.copy(out, position - size, target, JAVA_BYTE, 0, size);
    }

    @Override
    public void close() {}

    private void advance(long count) {
        while (count > unpacked - position) {
            if (last) throw ImageReader.cutShort(unpacked, count - (unpacked - position));
            unpackNextBlock();
        }
        position += (int) count;
    }

    private void unpackNextBlock() {
        if (unpacked > limit - Zstd.MAX_BLOCK_SIZE) { // can be only where all of it is wanted
            throw new InvalidImageException("at most %d unpacked bytes".formatted(limit - Zstd.MAX_BLOCK_SIZE), "more");
        }
        try {
            unpackBlock();
        } catch (IndexOutOfBoundsException e) {
            throw cutShort(e);
        }
    }

    private void readFrameHeader(int start) {
        if (LittleEndian.getInt(in, start) != MAGIC) throw Zstd.corrupt("another magic number");
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
            throw new InvalidImageException(
                    "a zstd payload that unpacks within the JVM's heap",
                    "one of more than %d bytes".formatted(unpacked),
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

    private static InvalidImageException cutShort(IndexOutOfBoundsException e) {
        return new InvalidImageException("an intact zstd payload", "one that is cut short or corrupt", e);
    }
}
