package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedArithmetic.putWord;
import static dev.microvm.engine.simd.PackedArithmetic.saturateByte;
import static dev.microvm.engine.simd.PackedArithmetic.saturateWord;
import static dev.microvm.engine.simd.PackedMultiply.pair;

/**
 * Instructions whose results, in the lower half, come from the first operand, and in the upper half
 * from the second. Each method is the MMX form; the XMM form is that of the two halves of the first
 * operand, and of those of the second. Named by mnemonic.
 */
public final class PackedHorizontal {
    private PackedHorizontal() {}

    public static long phaddw(long a, long b) {
        return sums16(a) | (sums16(b) << 32);
    }

    private static long sums16(long v) {
        return putWord((int) v + (int) (v >> 16), 0) | putWord((int) (v >> 32) + (int) (v >> 48), 16);
    }

    public static long phaddd(long a, long b) {
        return pair((int) a + (int) (a >> 32), (int) b + (int) (b >> 32));
    }

    public static long phaddsw(long a, long b) {
        return saturatedSums16(a) | (saturatedSums16(b) << 32);
    }

    private static long saturatedSums16(long v) {
        return putWord(saturateWord((short) v + (short) (v >> 16)), 0)
                | putWord(saturateWord((short) (v >> 32) + (short) (v >> 48)), 16);
    }

    public static long phsubw(long a, long b) {
        return differences16(a) | (differences16(b) << 32);
    }

    private static long differences16(long v) {
        return putWord((int) v - (int) (v >> 16), 0) | putWord((int) (v >> 32) - (int) (v >> 48), 16);
    }

    public static long phsubd(long a, long b) {
        return pair((int) a - (int) (a >> 32), (int) b - (int) (b >> 32));
    }

    public static long phsubsw(long a, long b) {
        return saturatedDifferences16(a) | (saturatedDifferences16(b) << 32);
    }

    private static long saturatedDifferences16(long v) {
        return putWord(saturateWord((short) v - (short) (v >> 16)), 0)
                | putWord(saturateWord((short) (v >> 32) - (short) (v >> 48)), 16);
    }

    public static long packsswb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= PackedArithmetic.putByte(saturateByte((short) (a >> (16 * i))), 8 * i);
            r |= PackedArithmetic.putByte(saturateByte((short) (b >> (16 * i))), 8 * i + 32);
        }
        return r;
    }

    public static long packuswb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 4; i++) {
            r |= PackedArithmetic.putByte(Math.clamp((short) (a >> (16 * i)), 0, 0xff), 8 * i);
            r |= PackedArithmetic.putByte(Math.clamp((short) (b >> (16 * i)), 0, 0xff), 8 * i + 32);
        }
        return r;
    }

    public static long packssdw(long a, long b) {
        return putWord(saturateWord((int) a), 0)
                | putWord(saturateWord((int) (a >> 32)), 16)
                | putWord(saturateWord((int) b), 32)
                | putWord(saturateWord((int) (b >> 32)), 48);
    }

    public static long packusdw(long a, long b) {
        return putWord(unsignedWord((int) a), 0)
                | putWord(unsignedWord((int) (a >> 32)), 16)
                | putWord(unsignedWord((int) b), 32)
                | putWord(unsignedWord((int) (b >> 32)), 48);
    }

    private static int unsignedWord(int value) {
        return Math.clamp(value, 0, 0xffff);
    }
}
