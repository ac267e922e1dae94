package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedMultiply.pair;

/**
 * Rounds of the Advanced Encryption Standard, as AES-NI has them: a state of 16 bytes is four
 * columns, the first in the low 32 bits.
 *
 * <p>Source: Intel SDM vol. 1, 12.13; FIPS 197. A round looks up, for each byte, what SubBytes and
 * MixColumns make of it ({@link #ENCRYPT}, {@link #DECRYPT}), turned by the byte's row.
 */
final class Aes {
    private static final int POLYNOMIAL = 0x11B; // FIPS 197, 4.2
    private static final int AFFINE_CONSTANT = 0x63; // FIPS 197, 5.1.1

    private static final int[] SUBSTITUTE = new int[256];
    private static final int[] INVERSE = new int[256];

    /** A column of MixColumns times the substitute of a byte of row 0. */
    private static final int[] ENCRYPT = new int[256];

    /** A column of InvMixColumns times the inverse substitute of a byte of row 0. */
    private static final int[] DECRYPT = new int[256];

    static {
        for (int i = 0; i < 256; i++) {
            int inverse = reciprocal(i);
            int s = AFFINE_CONSTANT;
            for (int turn = 0; turn < 5; turn++) s ^= (inverse << turn | inverse >> (8 - turn)) & 0xFF;
            SUBSTITUTE[i] = s;
            INVERSE[s] = i;
        }
        for (int i = 0; i < 256; i++) {
            int s = SUBSTITUTE[i];
            ENCRYPT[i] = times(s, 2) | s << 8 | s << 16 | times(s, 3) << 24;
            DECRYPT[i] = inverseColumn(INVERSE[i]);
        }
    }

    private Aes() {}

    private static int inverseColumn(int s) {
        return times(s, 14) | times(s, 9) << 8 | times(s, 13) << 16 | times(s, 11) << 24;
    }

    /** The product in the field of 256 elements. */
    private static int times(int a, int b) {
        int product = 0;
        for (int bit = 0; bit < 4; bit++) if ((b & 1 << bit) != 0) product ^= a << bit;
        for (int bit = 11; bit >= 8; bit--) if ((product & 1 << bit) != 0) product ^= POLYNOMIAL << (bit - 8);
        return product;
    }

    private static int reciprocal(int a) {
        int power = 1;
        for (int i = 0; i < 254; i++) power = fullProduct(power, a); // a to the 254th
        return a == 0 ? 0 : power;
    }

    private static int fullProduct(int a, int b) {
        int low = times(a, b & 0xF);
        int high = times(a, b >> 4);
        return low ^ times(times(high, 4), 4);
    }

    private static int substitute(int[] table, int word) {
        return table[word & 0xFF]
                | table[word >>> 8 & 0xFF] << 8
                | table[word >>> 16 & 0xFF] << 16
                | table[word >>> 24] << 24;
    }

    /** A column of a round, of bytes of rows 0 to 3 of these columns. */
    private static int mixed(int[] table, int row0, int row1, int row2, int row3) {
        return table[row0 & 0xFF]
                ^ Integer.rotateLeft(table[row1 >>> 8 & 0xFF], 8)
                ^ Integer.rotateLeft(table[row2 >>> 16 & 0xFF], 16)
                ^ Integer.rotateLeft(table[row3 >>> 24], 24);
    }

    /** The same without MixColumns. */
    private static int last(int[] table, int row0, int row1, int row2, int row3) {
        return table[row0 & 0xFF]
                | table[row1 >>> 8 & 0xFF] << 8
                | table[row2 >>> 16 & 0xFF] << 16
                | table[row3 >>> 24] << 24;
    }

    /** AESENC. */
    static void encrypt(long[] r, int dst, long lo, long hi) {
        int a = (int) r[dst];
        int b = (int) (r[dst] >> 32);
        int c = (int) r[dst + 1];
        int d = (int) (r[dst + 1] >> 32);
        r[dst] = lo ^ pair(mixed(ENCRYPT, a, b, c, d), mixed(ENCRYPT, b, c, d, a));
        r[dst + 1] = hi ^ pair(mixed(ENCRYPT, c, d, a, b), mixed(ENCRYPT, d, a, b, c));
    }

    /** AESENCLAST. */
    static void encryptLast(long[] r, int dst, long lo, long hi) {
        int a = (int) r[dst];
        int b = (int) (r[dst] >> 32);
        int c = (int) r[dst + 1];
        int d = (int) (r[dst + 1] >> 32);
        r[dst] = lo ^ pair(last(SUBSTITUTE, a, b, c, d), last(SUBSTITUTE, b, c, d, a));
        r[dst + 1] = hi ^ pair(last(SUBSTITUTE, c, d, a, b), last(SUBSTITUTE, d, a, b, c));
    }

    /** AESDEC. */
    static void decrypt(long[] r, int dst, long lo, long hi) {
        int a = (int) r[dst];
        int b = (int) (r[dst] >> 32);
        int c = (int) r[dst + 1];
        int d = (int) (r[dst + 1] >> 32);
        r[dst] = lo ^ pair(mixed(DECRYPT, a, d, c, b), mixed(DECRYPT, b, a, d, c));
        r[dst + 1] = hi ^ pair(mixed(DECRYPT, c, b, a, d), mixed(DECRYPT, d, c, b, a));
    }

    /** AESDECLAST. */
    static void decryptLast(long[] r, int dst, long lo, long hi) {
        int a = (int) r[dst];
        int b = (int) (r[dst] >> 32);
        int c = (int) r[dst + 1];
        int d = (int) (r[dst + 1] >> 32);
        r[dst] = lo ^ pair(last(INVERSE, a, d, c, b), last(INVERSE, b, a, d, c));
        r[dst + 1] = hi ^ pair(last(INVERSE, c, b, a, d), last(INVERSE, d, c, b, a));
    }

    /** AESIMC: InvMixColumns of the second operand. */
    static void inverseMix(long[] r, int dst, long lo, long hi) {
        r[dst] = pair(inverseMix((int) lo), inverseMix((int) (lo >> 32)));
        r[dst + 1] = pair(inverseMix((int) hi), inverseMix((int) (hi >> 32)));
    }

    private static int inverseMix(int column) {
        int substituted = substitute(SUBSTITUTE, column); // which the table takes back
        return mixed(DECRYPT, substituted, substituted, substituted, substituted);
    }

    /** AESKEYGENASSIST. */
    static void keyAssist(long[] r, int dst, long lo, long hi, int immediate) {
        int second = substitute(SUBSTITUTE, (int) (lo >> 32));
        int fourth = substitute(SUBSTITUTE, (int) (hi >> 32));
        r[dst] = pair(second, Integer.rotateRight(second, 8) ^ (immediate & 0xFF));
        r[dst + 1] = pair(fourth, Integer.rotateRight(fourth, 8) ^ (immediate & 0xFF));
    }

    /** PCLMULQDQ: the product of polynomials over two elements, of one half of either operand. */
    static void carrylessMultiply(long[] r, int dst, long lo, long hi, int immediate) {
        long a = (immediate & 1) == 0 ? r[dst] : r[dst + 1];
        long b = (immediate & 0x10) == 0 ? lo : hi;
        long low = 0;
        long high = 0;
        for (long bits = b; bits != 0; bits &= bits - 1) {
            int at = Long.numberOfTrailingZeros(bits);
            low ^= a << at;
            if (at > 0) high ^= a >>> (Long.SIZE - at);
        }
        r[dst] = low;
        r[dst + 1] = high;
    }
}
