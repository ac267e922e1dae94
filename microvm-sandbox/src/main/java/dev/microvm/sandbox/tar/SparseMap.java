package dev.microvm.sandbox.tar;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Where a file that is stored with holes has its data: pieces of an offset and a length, in ascending
 * order. For one thread.
 *
 * <p>Source: GNU tar manual, "Storing Sparse Files", which has all four forms.
 */
final class SparseMap {
    private static final int MOST = 1 << 18; // pieces; 4 MiB of heap
    private static final int MOST_DIGITS = 20; // of a number in the form 1.0

    private long[] numbers = new long[8]; // offset and length of each piece
    private int count;

    /** Reads the map of GNU's own form: in the header, and in blocks behind it. */
    static SparseMap ofHeader(TarHeader header, InputStream in) throws IOException {
        SparseMap map = new SparseMap();
        boolean more = header.sparsePieces(map);
        while (more) {
            byte[] block = in.readNBytes(TarHeader.BLOCK_SIZE);
            if (block.length < TarHeader.BLOCK_SIZE) throw TarHeader.broken("it is cut short");
            more = TarHeader.sparsePieces(block, map);
        }
        return map;
    }

    /** Reads the map of the forms 0.0 and 0.1: numbers with commas. */
    static SparseMap ofText(String text) {
        SparseMap map = new SparseMap();
        for (String number : text.split(",", -1)) map.add(number(number));
        return map;
    }

    /** Reads the map of the form 1.0: lines before the content, up to the end of a block. */
    static SparseMap ofContent(InputStream content) throws IOException {
        SparseMap map = new SparseMap();
        Lines lines = new Lines(content);
        long pieces = lines.next();
        if (pieces > MOST) throw tooMany();
        for (long i = 0; i < 2 * pieces; i++) map.add(lines.next());
        content.skipNBytes(-lines.taken & (TarHeader.BLOCK_SIZE - 1));
        return map;
    }

    /** The lines of a stream, without taking more of it. */
    private static final class Lines {
        private final InputStream in;
        private int taken; // bytes

        Lines(InputStream in) {
            this.in = in;
        }

        long next() throws IOException {
            StringBuilder digits = new StringBuilder();
            for (int c = in.read(); c != '\n'; c = in.read()) {
                if (c < 0 || digits.length() == MOST_DIGITS) throw broken();
                digits.append((char) c);
            }
            taken += digits.length() + 1;
            return number(digits.toString());
        }
    }

    /** Appends an offset, or the length that follows one. */
    void add(long number) {
        if (count == 2 * MOST) throw tooMany();
        if (count == numbers.length) numbers = Arrays.copyOf(numbers, 2 * count);
        numbers[count++] = number;
    }

    /** Checks that the pieces are in order, within the file, and as long as what the archive has. */
    void check(long size, long stored) {
        long end = 0;
        long sum = 0;
        for (int i = 0; i + 1 < count; i += 2) {
            long length = numbers[i + 1];
            if (numbers[i] < end || length < 0 || length > size - numbers[i]) throw broken();
            end = numbers[i] + length;
            sum += length;
        }
        if (count % 2 != 0 || sum != stored) throw broken();
    }

    /** Returns the number of pieces. */
    int pieces() {
        return count / 2;
    }

    long offset(int piece) {
        return numbers[2 * piece];
    }

    long length(int piece) {
        return numbers[2 * piece + 1];
    }

    private static long number(String digits) {
        try {
            return Long.parseLong(digits);
        } catch (NumberFormatException e) {
            throw broken();
        }
    }

    private static RuntimeException tooMany() {
        return TarHeader.broken("a file has more than %d pieces between holes".formatted(MOST));
    }

    private static RuntimeException broken() {
        return TarHeader.broken("the map of a file with holes is no such map");
    }
}
