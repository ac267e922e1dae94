package dev.microvm.engine.simd;

/**
 * Addition, subtraction, minimum, maximum, averages, absolute values and signs of packed integers,
 * 64 bits at a time: each method is the MMX form, and the XMM form applied to either half. Named by
 * mnemonic.
 */
public final class PackedArithmetic {
    private static final long BYTE_SIGNS = 0x8080_8080_8080_8080L;
    private static final long WORD_SIGNS = 0x8000_8000_8000_8000L;
    private static final long DWORD_SIGNS = 0x8000_0000_8000_0000L;

    private PackedArithmetic() {}

    // ---- with wraparound: carries between elements are cut off at their sign bits

    private static long add(long a, long b, long signs) {
        return ((a & ~signs) + (b & ~signs)) ^ ((a ^ b) & signs);
    }

    private static long subtract(long a, long b, long signs) {
        return ((a | signs) - (b & ~signs)) ^ (~(a ^ b) & signs);
    }

    public static long paddb(long a, long b) {
        return add(a, b, BYTE_SIGNS);
    }

    public static long paddw(long a, long b) {
        return add(a, b, WORD_SIGNS);
    }

    public static long paddd(long a, long b) {
        return add(a, b, DWORD_SIGNS);
    }

    public static long paddq(long a, long b) {
        return a + b;
    }

    public static long psubb(long a, long b) {
        return subtract(a, b, BYTE_SIGNS);
    }

    public static long psubw(long a, long b) {
        return subtract(a, b, WORD_SIGNS);
    }

    public static long psubd(long a, long b) {
        return subtract(a, b, DWORD_SIGNS);
    }

    public static long psubq(long a, long b) {
        return a - b;
    }

    // ---- with saturation

    public static long paddsb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 8) r |= putByte(saturateByte((byte) (a >> i) + (byte) (b >> i)), i);
        return r;
    }

    public static long paddsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= putWord(saturateWord((short) (a >> i) + (short) (b >> i)), i);
        return r;
    }

    public static long psubsb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 8) r |= putByte(saturateByte((byte) (a >> i) - (byte) (b >> i)), i);
        return r;
    }

    public static long psubsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= putWord(saturateWord((short) (a >> i) - (short) (b >> i)), i);
        return r;
    }

    public static long paddusb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 8) r |= putByte(Math.min(unsignedByte(a, i) + unsignedByte(b, i), 0xff), i);
        return r;
    }

    public static long paddusw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= putWord(Math.min(unsignedWord(a, i) + unsignedWord(b, i), 0xffff), i);
        return r;
    }

    public static long psubusb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 8) r |= putByte(Math.max(unsignedByte(a, i) - unsignedByte(b, i), 0), i);
        return r;
    }

    public static long psubusw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= putWord(Math.max(unsignedWord(a, i) - unsignedWord(b, i), 0), i);
        return r;
    }

    // ---- averages, rounded up

    public static long pavgb(long a, long b) {
        return (a | b) - (((a ^ b) & ~0x0101_0101_0101_0101L) >>> 1);
    }

    public static long pavgw(long a, long b) {
        return (a | b) - (((a ^ b) & ~0x0001_0001_0001_0001L) >>> 1);
    }

    // ---- minimum and maximum

    public static long pminsb(long a, long b) {
        return select(a, b, PackedCompare.pcmpgtb(a, b));
    }

    public static long pminsw(long a, long b) {
        return select(a, b, PackedCompare.pcmpgtw(a, b));
    }

    public static long pminsd(long a, long b) {
        return select(a, b, PackedCompare.pcmpgtd(a, b));
    }

    public static long pmaxsb(long a, long b) {
        return select(b, a, PackedCompare.pcmpgtb(a, b));
    }

    public static long pmaxsw(long a, long b) {
        return select(b, a, PackedCompare.pcmpgtw(a, b));
    }

    public static long pmaxsd(long a, long b) {
        return select(b, a, PackedCompare.pcmpgtd(a, b));
    }

    public static long pminub(long a, long b) {
        return select(a, b, PackedCompare.pcmpgtb(a ^ BYTE_SIGNS, b ^ BYTE_SIGNS));
    }

    public static long pminuw(long a, long b) {
        return select(a, b, PackedCompare.pcmpgtw(a ^ WORD_SIGNS, b ^ WORD_SIGNS));
    }

    public static long pminud(long a, long b) {
        return select(a, b, PackedCompare.pcmpgtd(a ^ DWORD_SIGNS, b ^ DWORD_SIGNS));
    }

    public static long pmaxub(long a, long b) {
        return select(b, a, PackedCompare.pcmpgtb(a ^ BYTE_SIGNS, b ^ BYTE_SIGNS));
    }

    public static long pmaxuw(long a, long b) {
        return select(b, a, PackedCompare.pcmpgtw(a ^ WORD_SIGNS, b ^ WORD_SIGNS));
    }

    public static long pmaxud(long a, long b) {
        return select(b, a, PackedCompare.pcmpgtd(a ^ DWORD_SIGNS, b ^ DWORD_SIGNS));
    }

    /** The bits of {@code b} where the mask is set, else those of {@code a}. */
    static long select(long a, long b, long mask) {
        return a ^ ((a ^ b) & mask);
    }

    // ---- signs; the first operand of an absolute value is not used

    public static long pabsb(long unused, long b) {
        long negative = PackedCompare.pcmpgtb(0, b);
        return psubb(b ^ negative, negative);
    }

    public static long pabsw(long unused, long b) {
        long negative = PackedCompare.pcmpgtw(0, b);
        return psubw(b ^ negative, negative);
    }

    public static long pabsd(long unused, long b) {
        long negative = PackedCompare.pcmpgtd(0, b);
        return psubd(b ^ negative, negative);
    }

    public static long psignb(long a, long b) {
        long negative = PackedCompare.pcmpgtb(0, b);
        return psubb(a ^ negative, negative) & ~PackedCompare.pcmpeqb(b, 0);
    }

    public static long psignw(long a, long b) {
        long negative = PackedCompare.pcmpgtw(0, b);
        return psubw(a ^ negative, negative) & ~PackedCompare.pcmpeqw(b, 0);
    }

    public static long psignd(long a, long b) {
        long negative = PackedCompare.pcmpgtd(0, b);
        return psubd(a ^ negative, negative) & ~PackedCompare.pcmpeqd(b, 0);
    }

    // ---- elements

    static int unsignedByte(long v, int bit) {
        return (int) (v >>> bit) & 0xff;
    }

    static int unsignedWord(long v, int bit) {
        return (int) (v >>> bit) & 0xffff;
    }

    static long putByte(int value, int bit) {
        return (value & 0xffL) << bit;
    }

    static long putWord(int value, int bit) {
        return (value & 0xffffL) << bit;
    }

    static int saturateByte(int value) {
        return Math.clamp(value, Byte.MIN_VALUE, Byte.MAX_VALUE);
    }

    static int saturateWord(int value) {
        return Math.clamp(value, Short.MIN_VALUE, Short.MAX_VALUE);
    }
}
