package dev.microvm.compress;

import java.io.IOException;
import java.io.InputStream;
import java.util.function.LongConsumer;

/**
 * Unpacks a bzip2 stream. For one thread.
 *
 * <p>There is no official specification; this follows the manual of bzip2 and "BZIP2: Format
 * Specification" by Joe Tsai. Left out: randomised blocks, which bzip2 has not written since 1998.
 * No library is used, because it would add three more.
 */
public final class Bzip2InputStream extends InputStream {
    private static final int HEADER_SIZE = 4; // bytes: BZh and the level
    private static final int SIZE_UNIT = 100_000; // bytes of a block for each level, 1 to 9
    private static final long BLOCK_MAGIC = 0x314159265359L; // pi
    private static final long END_MAGIC = 0x177245385090L; // its square root
    private static final int RUN = 4; // after this many equal bytes follows the number of further ones
    private static final int CRC_POLYNOMIAL = 0x04C11DB7; // of CRC-32, the highest bit first
    private static final int[] CRC_TABLE = crcTable();

    private final InputStream in;
    private final Bzip2Bits bits;
    private final Bzip2Block block;
    private boolean ended;

    // The block's bytes, as the Burrows-Wheeler transform has them: 3.5 of the specification
    private final int[] links; // by position: the byte, and above it the position of the next
    private int link;
    private int linksLeft;

    // The run-length coding below that: 2.2
    private int previous = -1;
    private int equal; // how often in a row
    private int repeats; // of previous, still to be returned

    private int crc = -1; // of the block so far
    private int expectedCrc;

    /**
     * Reads {@code in}, which begins with {@code BZh}, byte by byte and nothing behind the stream.
     *
     * @param heap is told how many bytes of heap are about to be allocated; it may throw
     * @throws CompressionException if it is corrupt; reading may find that later, too
     * @throws IOException if {@code in} cannot be read
     */
    public Bzip2InputStream(InputStream in, LongConsumer heap) throws IOException {
        this.in = in;
        byte[] header = in.readNBytes(HEADER_SIZE);
        int level = header.length == HEADER_SIZE ? header[HEADER_SIZE - 1] - '0' : 0;
        if (level < 1 || level > 9) throw corrupt("a level that is not 1 to 9");
        heap.accept((long) level * SIZE_UNIT * Integer.BYTES);
        bits = new Bzip2Bits(in);
        links = new int[level * SIZE_UNIT];
        block = new Bzip2Block(bits, links);
        beginBlock();
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        int done = 0;
        while (done < length) {
            int value = next();
            if (value < 0) break;
            to[offset + done++] = (byte) value;
        }
        return done == 0 && length > 0 ? -1 : done;
    }

    /** The next byte, or -1. */
    private int next() throws IOException {
        if (repeats > 0) {
            repeats--;
            return count(previous);
        }
        while (linksLeft == 0) {
            if (ended) return -1;
            endBlock();
        }
        int value = nextInBlock();
        if (equal == RUN) { // it is a count, which may be 0
            equal = 0;
            repeats = value;
            return next();
        }
        equal = value == previous ? equal + 1 : 1;
        previous = value;
        return count(value);
    }

    @Override
    public void close() throws IOException {
        in.close();
    }

    private int nextInBlock() {
        int entry = links[link];
        link = entry >>> Byte.SIZE;
        linksLeft--;
        return entry & 0xFF;
    }

    private int count(int value) {
        crc = crc << Byte.SIZE ^ CRC_TABLE[(crc >>> 24 ^ value) & 0xFF];
        return value;
    }

    private void endBlock() throws IOException {
        if (~crc != expectedCrc) throw corrupt("a block with checksum 0x%08x".formatted(~crc));
        beginBlock();
    }

    private void beginBlock() throws IOException {
        long magic = (long) bits.read(24) << 24 | bits.read(24);
        if (magic == END_MAGIC) {
            bits.read(16); // the checksum of all blocks, of which each was checked
            bits.read(16);
            ended = true;
            return;
        }
        if (magic != BLOCK_MAGIC) throw corrupt("a block that begins with 0x%x".formatted(magic));
        expectedCrc = bits.read(16) << 16 | bits.read(16);
        if (bits.read(1) != 0) throw corrupt("a randomised block");
        int origin = bits.read(24);
        linksLeft = block.unpack();
        if (origin >= linksLeft) throw corrupt("a block whose start is outside it");
        link = links[origin] >>> Byte.SIZE;
        previous = -1;
        equal = 0;
        crc = -1;
    }

    private static int[] crcTable() {
        int[] table = new int[256];
        for (int i = 0; i < table.length; i++) {
            int value = i << 24;
            for (int bit = 0; bit < Byte.SIZE; bit++) {
                value = value << 1 ^ (value < 0 ? CRC_POLYNOMIAL : 0);
            }
            table[i] = value;
        }
        return table;
    }

    static CompressionException corrupt(String found) {
        return new CompressionException("bzip2", found);
    }
}
