package dev.microvm.compress;

/**
 * A decoding table of zstd's finite state entropy coder: for each state a symbol, and how to get
 * the next state.
 *
 * <p>Source: RFC 8878, 4.1.
 */
final class FseTable {
    private final int accuracyLog;
    private final byte[] symbols;
    private final byte[] bits;
    private final short[] bases;

    private FseTable(int accuracyLog) {
        int size = 1 << accuracyLog;
        this.accuracyLog = accuracyLog;
        symbols = new byte[size];
        bits = new byte[size];
        bases = new short[size];
    }

    /** A table that has but one symbol: {@code RLE_Mode}, 3.1.1.3.2.1. */
    static FseTable single(int symbol) {
        FseTable table = new FseTable(0);
        table.symbols[0] = (byte) symbol;
        return table;
    }

    /**
     * A table of symbols with these probabilities, in units of 2^-accuracyLog; -1 means less than
     * one: 4.1.1.
     */
    static FseTable of(int accuracyLog, int... probabilities) {
        FseTable table = new FseTable(accuracyLog);
        table.spread(probabilities);
        return table;
    }

    /** A table's description at the start of some bytes: what it says, and where it ends. */
    record Description(FseTable table, int end) {}

    /**
     * Reads a table's description: 4.1.1.
     *
     * @param maxLog the highest accuracy that is allowed
     * @param maxSymbol the highest symbol that is allowed
     */
    static Description read(byte[] in, int start, int end, int maxLog, int maxSymbol) {
        ForwardBits bits = new ForwardBits(in, start, end);
        int log = bits.read(4) + 5;
        if (log > maxLog) throw Zstd.corrupt("an FSE table of accuracy %d, above %d".formatted(log, maxLog));
        int[] probabilities = new int[maxSymbol + 1];
        int remaining = 1 << log;
        int symbol = 0;
        while (remaining > 0) {
            if (symbol > maxSymbol) throw Zstd.corrupt("an FSE table with more symbols than %d".formatted(maxSymbol));
            int probability = readProbability(bits, remaining);
            remaining -= Math.abs(probability);
            probabilities[symbol++] = probability;
            if (probability == 0) symbol += readZeros(bits);
        }
        if (remaining != 0) throw Zstd.corrupt("an FSE table whose probabilities are above 1");
        if (symbol > maxSymbol + 1) throw Zstd.corrupt("an FSE table with more symbols than %d".formatted(maxSymbol));
        return new Description(of(log, probabilities), bits.byteEnd());
    }

    /** A value of 0 to {@code remaining + 1}, the small ones of which take one bit less; less 1. */
    private static int readProbability(ForwardBits bits, int remaining) {
        int count = Zstd.highestBit(remaining + 1) + 1;
        int value = bits.peek(count);
        int mask = (1 << (count - 1)) - 1;
        int threshold = (1 << count) - 1 - (remaining + 1);
        if ((value & mask) < threshold) {
            bits.skip(count - 1);
            return (value & mask) - 1;
        }
        bits.skip(count);
        return (value > mask ? value - threshold : value) - 1;
    }

    /**
     * How many more symbols have probability 0: 2 bits at a time, of which 3 means that there are
     * more.
     */
    private static int readZeros(ForwardBits bits) {
        int zeros = 0;
        int more;
        do {
            more = bits.read(2);
            zeros += more;
        } while (more == 3);
        return zeros;
    }

    private void spread(int[] probabilities) {
        int size = symbols.length;
        int high = size;
        int[] next = new int[probabilities.length];
        for (int symbol = 0; symbol < probabilities.length; symbol++) {
            next[symbol] = Math.abs(probabilities[symbol]);
            if (probabilities[symbol] == -1) symbols[--high] = (byte) symbol;
        }
        int step = (size >> 1) + (size >> 3) + 3;
        int position = 0;
        for (int symbol = 0; symbol < probabilities.length; symbol++) {
            for (int i = 0; i < probabilities[symbol]; i++) {
                symbols[position] = (byte) symbol;
                do {
                    position = (position + step) & (size - 1);
                } while (position >= high);
            }
        }
        for (int state = 0; state < size; state++) {
            int value = next[symbols[state] & 0xFF]++;
            int count = accuracyLog - Zstd.highestBit(value);
            bits[state] = (byte) count;
            bases[state] = (short) ((value << count) - size);
        }
    }

    /** The first state, from as many bits as the accuracy. */
    int start(BackwardBits in) {
        return (int) in.read(accuracyLog);
    }

    /** What a state stands for. */
    int symbol(int state) {
        return symbols[state] & 0xFF;
    }

    /** The state after this one. */
    int next(int state, BackwardBits in) {
        return bases[state] + (int) in.read(bits[state]);
    }
}
