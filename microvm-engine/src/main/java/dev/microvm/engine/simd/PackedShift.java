package dev.microvm.engine.simd;

/**
 * Shifts of packed integers. Counts are unsigned; one of the element's width or more gives zeros or
 * signs. Named by mnemonic.
 */
public final class PackedShift {
    private PackedShift() {}

    public static long psllw(long a, long count) {
        if (isTooMuch(count, 16)) return 0;
        return (a << count) & (0x0001_0001_0001_0001L * (0xffff & (0xffff << count)));
    }

    public static long pslld(long a, long count) {
        if (isTooMuch(count, 32)) return 0;
        return PackedMultiply.pair((int) a << count, (int) (a >> 32) << count);
    }

    public static long psllq(long a, long count) {
        return isTooMuch(count, 64) ? 0 : a << count;
    }

    public static long psrlw(long a, long count) {
        if (isTooMuch(count, 16)) return 0;
        return (a >>> count) & (0x0001_0001_0001_0001L * (0xffff >>> count));
    }

    public static long psrld(long a, long count) {
        if (isTooMuch(count, 32)) return 0;
        return PackedMultiply.pair((int) a >>> count, (int) (a >> 32) >>> count);
    }

    public static long psrlq(long a, long count) {
        return isTooMuch(count, 64) ? 0 : a >>> count;
    }

    public static long psraw(long a, long count) {
        int by = isTooMuch(count, 16) ? 15 : (int) count;
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= PackedArithmetic.putWord((short) (a >> i) >> by, i);
        return r;
    }

    public static long psrad(long a, long count) {
        int by = isTooMuch(count, 32) ? 31 : (int) count;
        return PackedMultiply.pair((int) a >> by, (int) (a >> 32) >> by);
    }

    private static boolean isTooMuch(long count, int width) {
        return Long.compareUnsigned(count, width) >= 0;
    }

    /** PSLLDQ: a whole register to the left, by bytes. */
    public static void pslldq(long[] r, int dst, int bytes) {
        long lo = r[dst];
        long hi = r[dst + 1];
        int bits = 8 * Math.min(bytes & 0xff, 16);
        r[dst] = psllq(lo, bits);
        r[dst + 1] = bits >= 64 ? psllq(lo, bits - 64) : left128(lo, hi, bits);
    }

    /** PSRLDQ: a whole register to the right, by bytes. */
    public static void psrldq(long[] r, int dst, int bytes) {
        long lo = r[dst];
        long hi = r[dst + 1];
        int bits = 8 * Math.min(bytes & 0xff, 16);
        r[dst] = bits >= 64 ? psrlq(hi, bits - 64) : right128(lo, hi, bits);
        r[dst + 1] = psrlq(hi, bits);
    }

    /** PALIGNR on XMM registers. */
    public static void palignr(long[] r, int dst, long lo, long hi, int bytes) {
        int bits = 8 * Math.min(bytes & 0xff, 32);
        long low = bytesAt(lo, hi, r[dst], r[dst + 1], bits);
        r[dst + 1] = bytesAt(lo, hi, r[dst], r[dst + 1], bits + 64);
        r[dst] = low;
    }

    /** PALIGNR on MMX registers. */
    public static long palignr(long a, long b, int bytes) {
        return bytesAt(b, a, 0, 0, 8 * Math.min(bytes & 0xff, 16));
    }

    /** 64 bits from a string of 256, the first word lowest; zeros beyond it. */
    private static long bytesAt(long w0, long w1, long w2, long w3, int bit) {
        return switch (bit >> 6) {
            case 0 -> right128(w0, w1, bit);
            case 1 -> right128(w1, w2, bit - 64);
            case 2 -> right128(w2, w3, bit - 128);
            case 3 -> w3 >>> (bit - 192);
            default -> 0;
        };
    }

    /** The low half of a 128-bit value shifted right by 0 to 63. */
    static long right128(long lo, long hi, int bits) {
        return bits == 0 ? lo : (lo >>> bits) | (hi << (64 - bits));
    }

    private static long left128(long lo, long hi, int bits) {
        return bits == 0 ? hi : (hi << bits) | (lo >>> (64 - bits));
    }
}
