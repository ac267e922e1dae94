package dev.microvm.compress;

import org.jspecify.annotations.Nullable;

/**
 * Unpacks one LZ4 block: a series of sequences, each of some literal bytes and a copy of earlier
 * output.
 *
 * <p>Source: lz4 doc/lz4_Block_format.md. No library is used: this code can stop early, uses only
 * two arrays, and is fast in a JVM that has just started. Unpacking takes most of the time between
 * a start and the kernel's first instruction.
 */
public final class Lz4Block {
    private static final int MIN_MATCH = 4; // bytes; "Matches"
    private static final int LENGTH_MORE = 15; // a length nibble of this value continues in further bytes
    private static final int BYTE_MORE = 255; // and so does a byte of this value
    /**
     * Distance in bytes from which one step of {@link #copyMatch} does not overlap its own source.
     */
    private static final int WIDE = 16;

    private final byte[] in;
    private final int end;
    private final byte[] out;
    private int from;
    private int to;

    private Lz4Block(byte[] in, int start, int end, byte[] out) {
        this.in = in;
        this.from = start;
        this.end = end;
        this.out = out;
    }

    /**
     * Unpacks {@code [start, end)} of {@code in} to {@code out}, until the block ends or {@code
     * out} is full. What is needed for a full {@code out} is enough of the block.
     *
     * @return how many bytes were written
     * @throws CompressionException if the block is corrupt
     */
    public static int unpack(byte[] in, int start, int end, byte[] out) {
        Lz4Block block = new Lz4Block(in, start, end, out);
        try {
            block.run();
        } catch (IndexOutOfBoundsException e) {
            throw corrupt(block.to, e);
        }
        return block.to;
    }

    private void run() {
        while (from < end && to < out.length) {
            int token = in[from++] & 0xFF;
            int literals = length(token >>> 4);
            int copied = Math.min(literals, out.length - to);
            if (copied < 0 || copied > end - from) throw corrupt(to, null);
            System.arraycopy(in, from, out, to, copied);
            from += literals;
            to += copied;
            if (from == end || to == out.length) return; // the last sequence has no match
            int distance = (in[from] & 0xFF) | (in[from + 1] & 0xFF) << 8;
            from += Short.BYTES;
            int match = length(token & 0xF) + MIN_MATCH;
            if (distance == 0 || distance > to || from > end || match < 0) throw corrupt(to, null);
            copyMatch(distance, Math.min(match, out.length - to));
        }
    }

    private int length(int nibble) {
        int length = nibble;
        if (nibble == LENGTH_MORE) {
            int more;
            do {
                more = in[from++] & 0xFF;
                length += more; // may overflow once, to a negative length that the caller refuses
            } while (more == BYTE_MORE && from < end);
        }
        return length;
    }

    private void copyMatch(int distance, int length) {
        int stop = to + length;
        if (distance >= length && length >= WIDE) {
            System.arraycopy(out, to - distance, out, to, length);
            to = stop;
            return;
        }
        // Byte by byte, because the source overlaps the target, or because the copy is too short for a call.
        for (int i = to; i < stop; i++) {
            out[i] = out[i - distance];
        }
        to = stop;
    }

    private static CompressionException corrupt(int at, @Nullable Throwable cause) {
        String found = "one that is corrupt after 0x%x unpacked bytes".formatted(at);
        return cause == null ? new CompressionException("LZ4", found) : new CompressionException("LZ4", found, cause);
    }
}
