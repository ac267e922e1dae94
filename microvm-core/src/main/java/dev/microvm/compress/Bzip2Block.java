package dev.microvm.compress;

import java.io.IOException;
import java.util.Arrays;

/**
 * Undoes what bzip2 does to one block after its run-length coding: Huffman codes, move to front,
 * and the Burrows-Wheeler transform.
 */
final class Bzip2Block {
    private static final int MAX_TABLES = 6;
    private static final int MAX_CODE_LENGTH = 20; // bits
    private static final int GROUP_SIZE = 50; // symbols that use the same table
    private static final int RUN_A = 0; // symbols that are the digits of a run of the front byte, in bijective base 2
    private static final int RUN_B = 1;

    private final Bzip2Bits bits;
    private final int[] links;

    // The code tables: of each, by length, the last code (-1 if none), what to subtract from a code to get its index
    // among the symbols ordered by code, and those symbols.
    private final int[][] lastCodes = new int[MAX_TABLES][MAX_CODE_LENGTH + 2];
    private final int[][] firstIndexes = new int[MAX_TABLES][MAX_CODE_LENGTH + 2];
    private final int[][] ordered = new int[MAX_TABLES][];

    private byte[] selectors = new byte[0];
    private int selected; // how many selectors were used
    private int groupLeft;
    private int table;

    /** Unpacks blocks from {@code bits} to {@code links}. */
    Bzip2Block(Bzip2Bits bits, int[] links) {
        this.bits = bits;
        this.links = links;
    }

    /**
     * Unpacks one block. Afterwards each element of the links has a byte, and above it the position
     * of the next.
     *
     * @return how many bytes
     */
    int unpack() throws IOException {
        byte[] front = readSymbols();
        int symbols = front.length + 2; // RUN_A, RUN_B, a position for each byte but the first, the end
        readTables(symbols);
        int[] counts = new int[256];
        int size = readBytes(front, symbols - 1, counts);
        link(size, counts);
        return size;
    }

    /** Reads the set of bytes in the block, from two levels of 16 bits. */
    private byte[] readSymbols() throws IOException {
        byte[] found = new byte[256];
        int count = 0;
        int rows = bits.read(16);
        for (int row = 0; row < 16; row++) {
            if ((rows & 0x8000 >>> row) == 0) continue;
            int columns = bits.read(16);
            for (int column = 0; column < 16; column++) {
                if ((columns & 0x8000 >>> column) != 0) found[count++] = (byte) (row * 16 + column);
            }
        }
        if (count == 0) throw Bzip2InputStream.corrupt("a block without bytes");
        return Arrays.copyOf(found, count);
    }

    private void readTables(int symbols) throws IOException {
        int tables = bits.read(3);
        int count = bits.read(15);
        if (tables < 2 || tables > MAX_TABLES || count == 0) {
            throw Bzip2InputStream.corrupt("a block with %d code tables, %d selectors".formatted(tables, count));
        }
        byte[] front = {0, 1, 2, 3, 4, 5};
        selectors = new byte[count];
        for (int i = 0; i < count; i++) {
            int position = 0;
            while (bits.read(1) != 0) {
                if (++position >= tables) throw Bzip2InputStream.corrupt("a selector past the code tables");
            }
            selectors[i] = toFront(front, position);
        }
        for (int i = 0; i < tables; i++) {
            readTable(i, symbols);
        }
        selected = 0;
        groupLeft = 0;
    }

    /** Reads the lengths of a table's codes, each as a difference to the one before. */
    private void readTable(int index, int symbols) throws IOException {
        int[] lengths = new int[symbols];
        int length = bits.read(5);
        for (int i = 0; i < symbols; i++) {
            while (true) {
                if (length < 1 || length > MAX_CODE_LENGTH)
                    throw Bzip2InputStream.corrupt("a code of %d bits".formatted(length));
                if (bits.read(1) == 0) break;
                length += bits.read(1) == 0 ? 1 : -1;
            }
            lengths[i] = length;
        }
        int[] order = new int[symbols];
        int code = 0;
        int placed = 0;
        for (int bitCount = 1; bitCount <= MAX_CODE_LENGTH; bitCount++) {
            firstIndexes[index][bitCount] = code - placed;
            for (int symbol = 0; symbol < symbols; symbol++) {
                if (lengths[symbol] != bitCount) continue;
                order[placed++] = symbol;
                code++;
            }
            lastCodes[index][bitCount] = code - 1;
            code <<= 1;
        }
        ordered[index] = order;
    }

    private int readSymbol() throws IOException {
        if (groupLeft == 0) {
            if (selected == selectors.length) throw Bzip2InputStream.corrupt("a block with too few selectors");
            table = selectors[selected++];
            groupLeft = GROUP_SIZE;
        }
        groupLeft--;
        int code = 0;
        for (int length = 1; length <= MAX_CODE_LENGTH; length++) {
            code = code << 1 | bits.read(1);
            if (code > lastCodes[table][length]) continue;
            int index = code - firstIndexes[table][length];
            if (index >= 0 && index < ordered[table].length) return ordered[table][index];
        }
        throw Bzip2InputStream.corrupt("a code that is in no table");
    }

    /** Reads the bytes in the transform's order into the low bits of the links, and counts them. */
    private int readBytes(byte[] front, int endSymbol, int[] counts) throws IOException {
        int size = 0;
        int run = 0;
        int digit = 1;
        while (true) {
            int symbol = readSymbol();
            if (symbol == RUN_A || symbol == RUN_B) {
                run += digit << symbol;
                digit <<= 1;
                if (run > links.length) throw tooLarge();
                continue;
            }
            if (run > links.length - size) throw tooLarge();
            Arrays.fill(links, size, size + run, front[0] & 0xFF);
            counts[front[0] & 0xFF] += run;
            size += run;
            run = 0;
            digit = 1;
            if (symbol == endSymbol) return size;
            if (size == links.length) throw tooLarge();
            int value = toFront(front, symbol - 1) & 0xFF;
            counts[value]++;
            links[size++] = value;
        }
    }

    /**
     * Turns the transform's last column into a chain: see Burrows and Wheeler, SRC report 124,
     * algorithm D.
     */
    private void link(int size, int[] counts) {
        int[] next = new int[256];
        int sum = 0;
        for (int value = 0; value < next.length; value++) {
            next[value] = sum;
            sum += counts[value];
        }
        for (int i = 0; i < size; i++) {
            links[next[links[i] & 0xFF]++] |= i << Byte.SIZE;
        }
    }

    private static byte toFront(byte[] front, int position) {
        byte value = front[position];
        System.arraycopy(front, 0, front, 1, position);
        front[0] = value;
        return value;
    }

    private static CompressionException tooLarge() {
        return Bzip2InputStream.corrupt("a block that is larger than its level says");
    }
}
