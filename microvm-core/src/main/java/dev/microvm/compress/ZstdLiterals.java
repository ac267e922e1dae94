package dev.microvm.compress;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Unpacks the literals of zstd blocks, and keeps the Huffman table that a block may take from the
 * one before.
 *
 * <p>Source: RFC 8878, 3.1.1.3.1 and 4.2.
 */
final class ZstdLiterals {
    // Literals_Block_Type
    private static final int RAW = 0;
    private static final int RLE = 1;
    private static final int TREELESS = 3;

    private static final int JUMP_TABLE_SIZE = 6; // bytes: the sizes of the first three of four streams
    private static final int MAX_BITS = 11; // of a Huffman code
    private static final int MAX_WEIGHTS_LOG = 6; // accuracy of the weights' FSE table
    private static final int MAX_WEIGHT = MAX_BITS + 1;
    private static final int DIRECT_WEIGHTS = 128; // header bytes from this on: weights of 4 bits each

    final byte[] bytes = new byte[Zstd.MAX_BLOCK_SIZE];
    int size; // of what is in bytes

    private byte @Nullable [] symbols; // of the Huffman table, by the next tableBits bits
    private byte[] lengths = new byte[0]; // of their codes
    private int tableBits;

    /** Unpacks the literals section at {@code start} and returns where it ends. */
    int unpack(byte[] in, int start, int end) {
        int type = in[start] & 3;
        int format = in[start] >>> 2 & 3;
        if (type == RAW || type == RLE) return plain(in, start, end, type == RLE, format);

        int headerSize = Math.max(3, format + 2);
        int sizeBits = format < 2 ? 10 : format * 4 + 6; // 10, 10, 14, 18
        long header = 0;
        for (int i = 0; i < headerSize; i++) {
            header |= (in[start + i] & 0xFFL) << (i * Byte.SIZE);
        }
        int mask = (1 << sizeBits) - 1;
        setSize((int) (header >>> 4) & mask);
        int from = start + headerSize;
        int packedSize = (int) (header >>> (4 + sizeBits)) & mask;
        if (packedSize > end - from) throw Zstd.corrupt("literals that are cut short");
        int to = from + packedSize;
        int stream = type == TREELESS ? from : readTree(in, from, to);
        if (format == 0) {
            decode(in, stream, to, 0, size);
        } else {
            decodeFour(in, stream, to);
        }
        return to;
    }

    private int plain(byte[] in, int start, int end, boolean repeated, int format) {
        int headerSize = switch (format) {
            case 1 -> 2;
            case 3 -> 3;
            default -> 1;
        };
        int header = 0;
        for (int i = 0; i < headerSize; i++) {
            header |= (in[start + i] & 0xFF) << (i * Byte.SIZE);
        }
        setSize(header >>> (headerSize == 1 ? 3 : 4));
        int from = start + headerSize;
        if (repeated) {
            Arrays.fill(bytes, 0, size, in[from]);
            return from + 1;
        }
        if (size > end - from) throw Zstd.corrupt("literals that are cut short");
        System.arraycopy(in, from, bytes, 0, size);
        return from + size;
    }

    private void setSize(int value) {
        if (value > bytes.length) throw Zstd.corrupt("%d literals in one block".formatted(value));
        size = value;
    }

    private void decodeFour(byte[] in, int start, int end) {
        int from = start + JUMP_TABLE_SIZE;
        if (from > end) throw Zstd.corrupt("literals without their jump table");
        int part = (size + 3) / 4;
        int to = 0;
        for (int i = 0; i < 4; i++) {
            int next = i == 3 ? end : from + Zstd.getUnsignedShort(in, start + i * Short.BYTES);
            int stop = i == 3 ? size : to + part;
            if (next > end || stop > size) throw Zstd.corrupt("a jump table past its literals");
            decode(in, from, next, to, stop);
            from = next;
            to = stop;
        }
    }

    /** Decodes one stream to {@code [to, stop)} of the literals. */
    private void decode(byte[] in, int start, int end, int to, int stop) {
        byte[] table = symbols;
        if (table == null) throw Zstd.corrupt("literals without a Huffman table");
        BackwardBits stream = new BackwardBits(in, start, end);
        for (int i = to; i < stop; i++) {
            int code = stream.peek(tableBits);
            bytes[i] = table[code];
            stream.skip(lengths[code]);
        }
        if (stream.left() != 0) throw Zstd.corrupt("literals whose stream does not end where it should");
    }

    /** Reads the tree's description, 4.2.1, and returns where it ends. */
    private int readTree(byte[] in, int start, int end) {
        if (start >= end) throw Zstd.corrupt("literals without a Huffman tree");
        int header = in[start] & 0xFF;
        int from = start + 1;
        byte[] weights = new byte[256];
        int count;
        int to;
        if (header >= DIRECT_WEIGHTS) {
            count = header - DIRECT_WEIGHTS + 1;
            to = from + (count + 1) / 2;
            if (to > end) throw Zstd.corrupt("a Huffman tree that is cut short");
            for (int i = 0; i < count; i++) {
                weights[i] = (byte) (in[from + i / 2] >>> (i % 2 == 0 ? 4 : 0) & 0xF);
            }
        } else {
            to = from + header;
            if (to > end) throw Zstd.corrupt("a Huffman tree that is cut short");
            count = readWeights(in, from, to, weights);
        }
        buildTable(weights, count);
        return to;
    }

    /**
     * Reads weights that are FSE coded by two states in turn, 4.2.1.2, and returns how many there
     * are.
     */
    private static int readWeights(byte[] in, int start, int end, byte[] weights) {
        FseTable.Description description = FseTable.read(in, start, end, MAX_WEIGHTS_LOG, MAX_WEIGHT);
        FseTable table = description.table();
        BackwardBits stream = new BackwardBits(in, description.end(), end);
        int state = table.start(stream);
        int other = table.start(stream);
        int count = 0;
        while (true) {
            if (count > weights.length - 3) throw Zstd.corrupt("a Huffman tree with too many weights");
            weights[count++] = (byte) table.symbol(state);
            state = table.next(state, stream);
            if (stream.left() < 0) {
                weights[count++] = (byte) table.symbol(other);
                return count;
            }
            int swap = state;
            state = other;
            other = swap;
        }
    }

    /**
     * Makes the decoding table from the weights of all symbols but the last, which follows from
     * them: 4.2.1.3.
     */
    private void buildTable(byte[] weights, int count) {
        int sum = 0;
        for (int i = 0; i < count; i++) {
            if (weights[i] > MAX_WEIGHT) throw Zstd.corrupt("a Huffman weight of " + weights[i]);
            sum += weights[i] == 0 ? 0 : 1 << (weights[i] - 1);
        }
        if (sum == 0) throw Zstd.corrupt("a Huffman tree without weights");
        int maxBits = Zstd.highestBit(sum) + 1;
        int rest = (1 << maxBits) - sum;
        if (maxBits > MAX_BITS || Integer.bitCount(rest) != 1) throw Zstd.corrupt("a Huffman tree that is not whole");
        weights[count] = (byte) (Zstd.highestBit(rest) + 1);

        byte[] table = new byte[1 << maxBits];
        byte[] codeLengths = new byte[1 << maxBits];
        int position = 0;
        for (int weight = 1; weight <= maxBits; weight++) {
            for (int symbol = 0; symbol <= count; symbol++) {
                if (weights[symbol] != weight) continue;
                int width = 1 << (weight - 1);
                Arrays.fill(table, position, position + width, (byte) symbol);
                Arrays.fill(codeLengths, position, position + width, (byte) (maxBits + 1 - weight));
                position += width;
            }
        }
        symbols = table;
        lengths = codeLengths;
        tableBits = maxBits;
    }
}
