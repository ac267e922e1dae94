package dev.microvm.compress;

import org.jspecify.annotations.Nullable;

/**
 * Reads the sequences of zstd blocks (so many literals, then a match) and keeps what a block may
 * take from the one before: the FSE tables and the last three offsets.
 *
 * <p>Source: RFC 8878, 3.1.1.3.2 (sequences), 3.1.1.5 (repeat offsets), appendix A and tables 14 to
 * 20 (codes).
 */
final class ZstdSequences {
    // Compression modes of the tables
    private static final int PREDEFINED = 0;
    private static final int RLE = 1;
    private static final int FSE = 2;

    private static final int MAX_OFFSET_CODE = 31;

    private static final int[] LITERALS_BASES = {
        0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 18, 20, 22, 24, 28, 32, 40, 48, 64, 128, 256, 512,
        1024, 2048, 4096, 8192, 16384, 32768, 65536
    };
    private static final int[] LITERALS_BITS = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 3, 3, 4, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
        16
    };
    private static final int[] MATCH_BASES = {
        3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32,
        33, 34, 35, 37, 39, 41, 43, 47, 51, 59, 67, 83, 99, 131, 259, 515, 1027, 2051, 4099, 8195, 16387, 32771, 65539
    };
    private static final int[] MATCH_BITS = {
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2,
        2, 3, 3, 4, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
    };

    private final Coder literals = new Coder(
            9,
            LITERALS_BASES.length - 1,
            FseTable.of(
                    6, 4, 3, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1, 2, 2, 2, 2, 2, 2, 2, 2, 2, 3, 2, 1, 1, 1, 1, 1,
                    -1, -1, -1, -1));
    private final Coder offsets = new Coder(
            8,
            MAX_OFFSET_CODE,
            FseTable.of(5, 1, 1, 1, 1, 1, 1, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1));
    private final Coder matches = new Coder(
            9,
            MATCH_BASES.length - 1,
            FseTable.of(
                    6, 1, 4, 3, 2, 2, 2, 2, 2, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
                    1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, -1, -1, -1, -1, -1, -1, -1));

    private long recent1 = 1; // the last offsets: 3.1.1.5
    private long recent2 = 4;
    private long recent3 = 8;

    private @Nullable BackwardBits stream;
    private int left; // sequences not read

    // The sequence read last.
    int literalsLength;
    int matchLength;
    long offset;

    /** Begins the sequences section at {@code start}, which goes up to {@code end}. */
    void begin(byte[] in, int start, int end) {
        stream = null;
        int at = start;
        int first = in[at++] & 0xFF;
        left = first;
        if (first == 255) {
            left = Zstd.getUnsignedShort(in, at) + 0x7F00;
            at += 2;
        } else if (first >= 128) {
            left = ((first - 128) << 8) + (in[at++] & 0xFF);
        }
        if (left == 0) {
            if (at != end) throw Zstd.corrupt("something behind a block without sequences");
            return;
        }
        int modes = in[at++] & 0xFF;
        at = literals.readTable(modes >>> 6, in, at, end);
        at = offsets.readTable(modes >>> 4 & 3, in, at, end);
        at = matches.readTable(modes >>> 2 & 3, in, at, end);
        BackwardBits bits = new BackwardBits(in, at, end);
        literals.start(bits);
        offsets.start(bits);
        matches.start(bits);
        stream = bits;
    }

    /** Reads the next sequence; false if there is none. */
    boolean next() {
        BackwardBits bits = stream;
        if (bits == null) return false;
        if (left == 0) {
            if (bits.left() != 0) throw Zstd.corrupt("sequences whose stream does not end where it should");
            return false;
        }
        left--;
        int offsetCode = offsets.symbol();
        int literalsCode = literals.symbol();
        int matchCode = matches.symbol();
        long value = (1L << offsetCode) + bits.read(offsetCode);
        matchLength = MATCH_BASES[matchCode] + (int) bits.read(MATCH_BITS[matchCode]);
        literalsLength = LITERALS_BASES[literalsCode] + (int) bits.read(LITERALS_BITS[literalsCode]);
        offset = resolve(value);
        if (left > 0) {
            literals.advance(bits);
            matches.advance(bits);
            offsets.advance(bits);
        }
        if (bits.left() < 0) throw Zstd.corrupt("sequences that are cut short");
        return true;
    }

    /** An offset from its code's value: 1 to 3 repeat a recent one. */
    private long resolve(long value) {
        long result;
        int repeat = value > 3 ? 4 : (int) value + (literalsLength == 0 ? 1 : 0);
        switch (repeat) {
            case 1 -> {
                return recent1;
            }
            case 2 -> {
                result = recent2;
                recent2 = recent1;
                recent1 = result;
                return result;
            }
            case 3 -> result = recent3;
            default -> result = value > 3 ? value - 3 : recent1 - 1;
        }
        recent3 = recent2;
        recent2 = recent1;
        recent1 = result;
        return result;
    }

    /** One of the three kinds of codes: its table and its state. */
    private static final class Coder {
        private final int maxLog;
        private final int maxSymbol;
        private final FseTable predefined;
        private @Nullable FseTable last; // what a repeat mode repeats
        private FseTable table;
        private int state;

        Coder(int maxLog, int maxSymbol, FseTable predefined) {
            this.maxLog = maxLog;
            this.maxSymbol = maxSymbol;
            this.predefined = predefined;
            table = predefined;
        }

        /** Reads the table at {@code start} as {@code mode} has it, and returns where it ends. */
        int readTable(int mode, byte[] in, int start, int end) {
            int at = start;
            switch (mode) {
                case PREDEFINED -> table = predefined;
                case RLE -> {
                    int symbol = in[at++] & 0xFF;
                    if (symbol > maxSymbol) throw Zstd.corrupt("a sequence code of " + symbol);
                    table = FseTable.single(symbol);
                }
                case FSE -> {
                    FseTable.Description description = FseTable.read(in, at, end, maxLog, maxSymbol);
                    table = description.table();
                    at = description.end();
                }
                default -> {
                    if (last == null) throw Zstd.corrupt("a block that repeats a table that is not there");
                    table = last;
                }
            }
            last = table;
            return at;
        }

        void start(BackwardBits bits) {
            state = table.start(bits);
        }

        int symbol() {
            return table.symbol(state);
        }

        void advance(BackwardBits bits) {
            state = table.next(state, bits);
        }
    }
}
