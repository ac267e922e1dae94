package dev.microvm.devices.virtio;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Objects;

/**
 * The bytes of a {@link DescriptorChain} that go one way, in guest memory. They lie in pieces, cut
 * wherever the driver liked (section 2.7.4.1), and are addressed as one: position 0 is the first
 * byte. Or piece by piece, without a copy: each is a segment, an offset and a length, as {@link
 * MemorySegment#copy} takes them.
 *
 * <p>Every access is bounds-checked: a position outside {@code [0, length())} is an {@link
 * IndexOutOfBoundsException}. Numbers are little-endian. The guest may change the bytes at any
 * time: read once what you check. Valid until the chain is completed.
 */
public final class GuestBuffer {
    /** Gets piece after piece. */
    @FunctionalInterface
    public interface PieceAction<E extends Exception> {
        /**
         * Takes the bytes {@code [offset, offset + length)} of {@code segment}; length is above 0.
         */
        void accept(MemorySegment segment, long offset, long length) throws E;
    }

    private static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final int FIRST_CAPACITY = 4; // pieces; most requests have fewer

    private MemorySegment[] segments = new MemorySegment[FIRST_CAPACITY];
    private long[] offsets = new long[FIRST_CAPACITY];
    private long[] lengths = new long[FIRST_CAPACITY];
    private long[] starts = new long[FIRST_CAPACITY]; // positions of the pieces' first bytes
    private int pieces;
    private long length;

    GuestBuffer() {}

    void clear() {
        pieces = 0;
        length = 0;
    }

    /** Appends a piece, which the caller has checked to be inside the segment. */
    void add(MemorySegment segment, long offset, long size) {
        if (pieces == offsets.length) grow();
        segments[pieces] = segment;
        offsets[pieces] = offset;
        lengths[pieces] = size;
        starts[pieces] = length;
        pieces++;
        length += size;
    }

    private void grow() {
        int capacity = 2 * pieces;
        segments = Arrays.copyOf(segments, capacity);
        offsets = Arrays.copyOf(offsets, capacity);
        lengths = Arrays.copyOf(lengths, capacity);
        starts = Arrays.copyOf(starts, capacity);
    }

    /** All bytes together. */
    public long length() {
        return length;
    }

    /** How many pieces there are; none is empty. */
    public int pieces() {
        return pieces;
    }

    /** The memory that piece {@code piece} is in. */
    public MemorySegment segment(int piece) {
        return segments[Objects.checkIndex(piece, pieces)];
    }

    /** Where in its {@link #segment} the piece begins. */
    public long offset(int piece) {
        return offsets[Objects.checkIndex(piece, pieces)];
    }

    /** Bytes of the piece, above 0. */
    public long length(int piece) {
        return lengths[Objects.checkIndex(piece, pieces)];
    }

    /**
     * Gives the bytes {@code [at, at + size)}, piece by piece, to an action; stops at what it
     * throws.
     */
    public <E extends Exception> void forEach(long at, long size, PieceAction<E> action) throws E {
        Objects.requireNonNull(action, "action");
        Objects.checkFromIndexSize(at, size, length);
        long left = size;
        for (int piece = pieceAt(at); left > 0; piece++) {
            long skip = Math.max(0, at - starts[piece]);
            long now = Math.min(left, lengths[piece] - skip);
            action.accept(segments[piece], offsets[piece] + skip, now);
            left -= now;
        }
    }

    /**
     * Copies the bytes {@code [at, at + size)} to {@code to}, from its byte {@code toOffset} on.
     */
    public void copyTo(long at, MemorySegment to, long toOffset, long size) {
        Objects.requireNonNull(to, "to");
        Objects.checkFromIndexSize(at, size, length);
        long done = 0;
        for (int piece = pieceAt(at); done < size; piece++) {
            long skip = Math.max(0, at - starts[piece]);
            long now = Math.min(size - done, lengths[piece] - skip);
            MemorySegment.copy(segments[piece], offsets[piece] + skip, to, toOffset + done, now);
            done += now;
        }
    }

    /**
     * Copies {@code size} bytes of {@code from}, from its byte {@code fromOffset} on, to position
     * {@code at}.
     */
    public void copyFrom(long at, MemorySegment from, long fromOffset, long size) {
        Objects.requireNonNull(from, "from");
        Objects.checkFromIndexSize(at, size, length);
        long done = 0;
        for (int piece = pieceAt(at); done < size; piece++) {
            long skip = Math.max(0, at - starts[piece]);
            long now = Math.min(size - done, lengths[piece] - skip);
            MemorySegment.copy(from, fromOffset + done, segments[piece], offsets[piece] + skip, now);
            done += now;
        }
    }

    /** Copies the bytes {@code [at, at + size)} to an array, from its element {@code index} on. */
    public void copyTo(long at, byte[] to, int index, int size) {
        Objects.requireNonNull(to, "to");
        Objects.checkFromIndexSize(at, size, length);
        int done = 0;
        for (int piece = pieceAt(at); done < size; piece++) {
            long skip = Math.max(0, at - starts[piece]);
            int now = (int) Math.min(size - done, lengths[piece] - skip);
            MemorySegment.copy(segments[piece], JAVA_BYTE, offsets[piece] + skip, to, index + done, now);
            done += now;
        }
    }

    /**
     * Copies {@code size} bytes of an array, from its element {@code index} on, to position {@code
     * at}.
     */
    public void copyFrom(long at, byte[] from, int index, int size) {
        Objects.requireNonNull(from, "from");
        Objects.checkFromIndexSize(at, size, length);
        int done = 0;
        for (int piece = pieceAt(at); done < size; piece++) {
            long skip = Math.max(0, at - starts[piece]);
            int now = (int) Math.min(size - done, lengths[piece] - skip);
            MemorySegment.copy(from, index + done, segments[piece], JAVA_BYTE, offsets[piece] + skip, now);
            done += now;
        }
    }

    /** Reads one byte, 0 to 255. */
    public int getByte(long at) {
        Objects.checkIndex(at, length);
        int piece = pieceAt(at);
        return Byte.toUnsignedInt(segments[piece].get(JAVA_BYTE, offsets[piece] + at - starts[piece]));
    }

    /** Reads a 16-bit number, 0 to 65535. */
    public int getShort(long at) {
        Objects.checkFromIndexSize(at, Short.BYTES, length);
        int piece = pieceAt(at);
        if (!inOne(piece, at, Short.BYTES)) return getByte(at) | (getByte(at + 1) << Byte.SIZE);
        return Short.toUnsignedInt(segments[piece].get(LE_SHORT, offsets[piece] + at - starts[piece]));
    }

    /** Reads a 32-bit number. */
    public int getInt(long at) {
        Objects.checkFromIndexSize(at, Integer.BYTES, length);
        int piece = pieceAt(at);
        if (!inOne(piece, at, Integer.BYTES)) return getShort(at) | (getShort(at + Short.BYTES) << Short.SIZE);
        return segments[piece].get(LE_INT, offsets[piece] + at - starts[piece]);
    }

    /** Reads a 64-bit number. */
    public long getLong(long at) {
        Objects.checkFromIndexSize(at, Long.BYTES, length);
        int piece = pieceAt(at);
        if (!inOne(piece, at, Long.BYTES)) {
            return Integer.toUnsignedLong(getInt(at)) | ((long) getInt(at + Integer.BYTES) << Integer.SIZE);
        }
        return segments[piece].get(LE_LONG, offsets[piece] + at - starts[piece]);
    }

    /** Writes the low byte of {@code value}. */
    public void putByte(long at, int value) {
        Objects.checkIndex(at, length);
        int piece = pieceAt(at);
        segments[piece].set(JAVA_BYTE, offsets[piece] + at - starts[piece], (byte) value);
    }

    /** Writes the low 16 bits of {@code value}. */
    public void putShort(long at, int value) {
        Objects.checkFromIndexSize(at, Short.BYTES, length);
        int piece = pieceAt(at);
        if (inOne(piece, at, Short.BYTES)) {
            segments[piece].set(LE_SHORT, offsets[piece] + at - starts[piece], (short) value);
        } else {
            putByte(at, value);
            putByte(at + 1, value >>> Byte.SIZE);
        }
    }

    /** Writes a 32-bit number. */
    public void putInt(long at, int value) {
        Objects.checkFromIndexSize(at, Integer.BYTES, length);
        int piece = pieceAt(at);
        if (inOne(piece, at, Integer.BYTES)) {
            segments[piece].set(LE_INT, offsets[piece] + at - starts[piece], value);
        } else {
            putShort(at, value);
            putShort(at + Short.BYTES, value >>> Short.SIZE);
        }
    }

    /** Writes a 64-bit number. */
    public void putLong(long at, long value) {
        Objects.checkFromIndexSize(at, Long.BYTES, length);
        int piece = pieceAt(at);
        if (inOne(piece, at, Long.BYTES)) {
            segments[piece].set(LE_LONG, offsets[piece] + at - starts[piece], value);
        } else {
            putInt(at, (int) value);
            putInt(at + Integer.BYTES, (int) (value >>> Integer.SIZE));
        }
    }

    private boolean inOne(int piece, long at, int size) {
        return starts[piece] + lengths[piece] - at >= size;
    }

    /**
     * The piece that has position {@code at}; {@code pieces} at the very end. Headers are at the
     * start, so from there.
     */
    private int pieceAt(long at) {
        int last = pieces - 1;
        if (last >= 0 && at >= starts[last]) return at < length ? last : pieces; // a status byte is at the end
        int piece = 0;
        while (piece < last && at >= starts[piece + 1]) piece++;
        return piece;
    }
}
