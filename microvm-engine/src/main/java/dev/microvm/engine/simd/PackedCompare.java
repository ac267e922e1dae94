package dev.microvm.engine.simd;

/**
 * Comparison of packed integers, 64 bits at a time: all ones where it holds, else zeros. Named by
 * mnemonic.
 */
public final class PackedCompare {
    private PackedCompare() {}

    public static long pcmpeqb(long a, long b) {
        return spreadBytes(~nonZero(a ^ b, 0x7f7f_7f7f_7f7f_7f7fL));
    }

    public static long pcmpeqw(long a, long b) {
        return spreadWords(~nonZero(a ^ b, 0x7fff_7fff_7fff_7fffL));
    }

    public static long pcmpeqd(long a, long b) {
        return spreadDwords(~nonZero(a ^ b, 0x7fff_ffff_7fff_ffffL));
    }

    public static long pcmpeqq(long a, long b) {
        return a == b ? -1 : 0;
    }

    public static long pcmpgtb(long a, long b) {
        return spreadBytes(less(b, a, 0x8080_8080_8080_8080L));
    }

    public static long pcmpgtw(long a, long b) {
        return spreadWords(less(b, a, 0x8000_8000_8000_8000L));
    }

    public static long pcmpgtd(long a, long b) {
        return spreadDwords(less(b, a, 0x8000_0000_8000_0000L));
    }

    public static long pcmpgtq(long a, long b) {
        return a > b ? -1 : 0;
    }

    /**
     * Sign bits of the elements that are not zero; {@code low} are all bits but those. Other bits
     * are arbitrary.
     */
    private static long nonZero(long x, long low) {
        return ((x & low) + low) | x;
    }

    /** Sign bits of the elements of {@code a} that are less, signed; other bits are arbitrary. */
    private static long less(long a, long b, long signs) {
        long difference = (a | signs) - (b & ~signs); // sign bit clear: a borrow out of the lower bits
        return (a & ~b) | (~(a ^ b) & ~difference);
    }

    private static long spreadBytes(long signs) {
        return ((signs & 0x8080_8080_8080_8080L) >>> 7) * 0xff;
    }

    private static long spreadWords(long signs) {
        return ((signs & 0x8000_8000_8000_8000L) >>> 15) * 0xffff;
    }

    private static long spreadDwords(long signs) {
        return ((signs & 0x8000_0000_8000_0000L) >>> 31) * 0xffff_ffffL;
    }

    // ---- sign bits, gathered

    /** PMOVMSKB of 64 bits: eight bits. */
    public static int pmovmskb(long a) {
        return (int) ((((a & 0x8080_8080_8080_8080L) >>> 7) * 0x0102_0408_1020_4080L) >>> 56);
    }

    /** PMOVMSKB of an XMM register: sixteen bits. */
    public static int pmovmskb(long lo, long hi) {
        return pmovmskb(lo) | (pmovmskb(hi) << 8);
    }

    /** MOVMSKPS: four bits. */
    public static int movmskps(long lo, long hi) {
        return signs32(lo) | (signs32(hi) << 2);
    }

    /** MOVMSKPD: two bits. */
    public static int movmskpd(long lo, long hi) {
        return (int) (lo >>> 63) | ((int) (hi >>> 63) << 1);
    }

    private static int signs32(long v) {
        return ((int) (v >>> 31) & 1) | ((int) (v >>> 63) << 1);
    }

    // ---- PTEST

    /** ZF of PTEST: no bit is set in both operands. */
    public static boolean ptestZero(long aLo, long aHi, long bLo, long bHi) {
        return ((aLo & bLo) | (aHi & bHi)) == 0;
    }

    /** CF of PTEST: no bit of the second operand is clear in the first. */
    public static boolean ptestCarry(long aLo, long aHi, long bLo, long bHi) {
        return ((~aLo & bLo) | (~aHi & bHi)) == 0;
    }
}
