package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedMultiply.pair;

/**
 * Permutations and shifts by elements that AVX and AVX2 added, 128 bits at a time: the second
 * operand says what becomes of the first.
 *
 * <p>Source: Intel SDM vol. 2, VPERMILPS, VPERMILPD, VPSLLVx, VPSRLVx, VPSRAVD.
 */
public final class PackedPermute {
    private PackedPermute() {}

    /** VPERMILPS. */
    public static void permilps(long[] r, int dst, long lo, long hi) {
        long a = r[dst];
        long b = r[dst + 1];
        r[dst] = pair(PackedShuffle.dword(a, b, (int) lo), PackedShuffle.dword(a, b, (int) (lo >> 32)));
        r[dst + 1] = pair(PackedShuffle.dword(a, b, (int) hi), PackedShuffle.dword(a, b, (int) (hi >> 32)));
    }

    /** VPERMILPD: bit 1 chooses. */
    public static void permilpd(long[] r, int dst, long lo, long hi) {
        long a = r[dst];
        long b = r[dst + 1];
        r[dst] = (lo & 2) == 0 ? a : b;
        r[dst + 1] = (hi & 2) == 0 ? a : b;
    }

    /** VPERMILPD with an immediate, of the second operand. */
    public static void permilpd(long[] r, int dst, long lo, long hi, int immediate) {
        r[dst] = (immediate & 1) == 0 ? lo : hi;
        r[dst + 1] = (immediate & 2) == 0 ? lo : hi;
    }

    // ---- shifts of each element by that of the second operand

    public static long psllvd(long a, long b) {
        return pair(left((int) a, (int) b), left((int) (a >> 32), (int) (b >> 32)));
    }

    public static long psrlvd(long a, long b) {
        return pair(right((int) a, (int) b), right((int) (a >> 32), (int) (b >> 32)));
    }

    public static long psravd(long a, long b) {
        return pair(signed((int) a, (int) b), signed((int) (a >> 32), (int) (b >> 32)));
    }

    public static long psllvq(long a, long b) {
        return isTooMuch(b, Long.SIZE) ? 0 : a << b;
    }

    public static long psrlvq(long a, long b) {
        return isTooMuch(b, Long.SIZE) ? 0 : a >>> b;
    }

    private static int left(int value, int count) {
        return isTooMuch(count, Integer.SIZE) ? 0 : value << count;
    }

    private static int right(int value, int count) {
        return isTooMuch(count, Integer.SIZE) ? 0 : value >>> count;
    }

    private static int signed(int value, int count) {
        return value >> (isTooMuch(count, Integer.SIZE) ? Integer.SIZE - 1 : count);
    }

    private static boolean isTooMuch(long count, int width) {
        return count < 0 || count >= width;
    }
}
