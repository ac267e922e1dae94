package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedArithmetic.putWord;
import static dev.microvm.engine.simd.PackedArithmetic.saturateWord;
import static dev.microvm.engine.simd.PackedArithmetic.unsignedByte;
import static dev.microvm.engine.simd.PackedArithmetic.unsignedWord;

/**
 * Products and sums of absolute differences of packed integers, 64 bits at a time. Named by
 * mnemonic.
 */
public final class PackedMultiply {
    private PackedMultiply() {}

    public static long pmullw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= putWord((short) (a >> i) * (short) (b >> i), i);
        return r;
    }

    public static long pmulhw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= putWord(((short) (a >> i) * (short) (b >> i)) >> 16, i);
        return r;
    }

    public static long pmulhuw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) r |= putWord((unsignedWord(a, i) * unsignedWord(b, i)) >>> 16, i);
        return r;
    }

    public static long pmulhrsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) {
            r |= putWord(((((short) (a >> i) * (short) (b >> i)) >> 14) + 1) >> 1, i);
        }
        return r;
    }

    public static long pmulld(long a, long b) {
        return pair((int) a * (int) b, (int) (a >> 32) * (int) (b >> 32));
    }

    public static long pmuludq(long a, long b) {
        return Integer.toUnsignedLong((int) a) * Integer.toUnsignedLong((int) b);
    }

    public static long pmuldq(long a, long b) {
        return (long) (int) a * (int) b;
    }

    public static long pmaddwd(long a, long b) {
        int low = (short) a * (short) b + (short) (a >> 16) * (short) (b >> 16);
        int high = (short) (a >> 32) * (short) (b >> 32) + (short) (a >> 48) * (short) (b >> 48);
        return pair(low, high);
    }

    /** Unsigned bytes of the first operand times signed bytes of the second. */
    public static long pmaddubsw(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 16) {
            int sum = unsignedByte(a, i) * (byte) (b >> i) + unsignedByte(a, i + 8) * (byte) (b >> (i + 8));
            r |= putWord(saturateWord(sum), i);
        }
        return r;
    }

    public static long psadbw(long a, long b) {
        int sum = 0;
        for (int i = 0; i < 64; i += 8) sum += Math.abs(unsignedByte(a, i) - unsignedByte(b, i));
        return sum;
    }

    /** MPSADBW: eight sums over four bytes each. */
    public static void mpsadbw(long[] r, int dst, long lo, long hi, int immediate) {
        int block = (int) (((immediate & 2) == 0 ? lo : hi) >>> ((immediate & 1) * 32));
        int first = (immediate & 4) == 0 ? 0 : 4;
        long aLo = r[dst];
        long aHi = r[dst + 1];
        long sumsLo = 0;
        long sumsHi = 0;
        for (int i = 0; i < 4; i++) {
            sumsLo |= putWord(sumOfDifferences(fourBytes(aLo, aHi, first + i), block), 16 * i);
            sumsHi |= putWord(sumOfDifferences(fourBytes(aLo, aHi, first + 4 + i), block), 16 * i);
        }
        r[dst] = sumsLo;
        r[dst + 1] = sumsHi;
    }

    private static int fourBytes(long lo, long hi, int index) {
        return (int) (index < 8 ? PackedShift.right128(lo, hi, 8 * index) : hi >>> (8 * (index - 8)));
    }

    private static int sumOfDifferences(int a, int b) {
        int sum = 0;
        for (int i = 0; i < 32; i += 8) sum += Math.abs(((a >>> i) & 0xff) - ((b >>> i) & 0xff));
        return sum;
    }

    /** PHMINPOSUW: the least word and its index. */
    public static void phminposuw(long[] r, int dst, long lo, long hi) {
        int least = 0x1_0000;
        int at = 0;
        for (int i = 0; i < 8; i++) {
            int word = unsignedWord(i < 4 ? lo : hi, 16 * (i & 3));
            if (word < least) {
                least = word;
                at = i;
            }
        }
        r[dst] = least | (at << 16);
        r[dst + 1] = 0;
    }

    public static long pair(int low, int high) {
        return Integer.toUnsignedLong(low) | ((long) high << 32);
    }
}
