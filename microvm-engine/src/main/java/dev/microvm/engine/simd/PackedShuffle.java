package dev.microvm.engine.simd;

import static dev.microvm.engine.simd.PackedMultiply.pair;

/** Instructions that move elements about. Named by mnemonic. */
public final class PackedShuffle {
    private PackedShuffle() {}

    // ---- interleaving: the MMX forms; the low XMM form is both of them on the low halves, the high one on the high
    // halves

    public static long punpcklbw(long a, long b) {
        return spreadBytes(a) | (spreadBytes(b) << 8);
    }

    public static long punpckhbw(long a, long b) {
        return punpcklbw(a >>> 32, b >>> 32);
    }

    public static long punpcklwd(long a, long b) {
        return spreadWords(a) | (spreadWords(b) << 16);
    }

    public static long punpckhwd(long a, long b) {
        return punpcklwd(a >>> 32, b >>> 32);
    }

    public static long punpckldq(long a, long b) {
        return pair((int) a, (int) b);
    }

    public static long punpckhdq(long a, long b) {
        return pair((int) (a >>> 32), (int) (b >>> 32));
    }

    /** The low four bytes, each in the low half of a word. */
    private static long spreadBytes(long v) {
        long words = spreadWords(v);
        return (words | (words << 8)) & 0x00ff_00ff_00ff_00ffL;
    }

    /** Bits 0 to 15 and 16 to 31, each at the bottom of a doubleword. */
    private static long spreadWords(long v) {
        return (v & 0xffff) | ((v & 0xffff_0000L) << 16);
    }

    public static void punpcklqdq(long[] r, int dst, long lo, long hi) {
        r[dst + 1] = lo;
    }

    public static void punpckhqdq(long[] r, int dst, long lo, long hi) {
        r[dst] = r[dst + 1];
        r[dst + 1] = hi;
    }

    // ---- PSHUFx and SHUFPx

    /** PSHUFB on MMX registers. */
    public static long pshufb(long a, long b) {
        long r = 0;
        for (int i = 0; i < 64; i += 8) {
            int select = (int) (b >>> i);
            if ((select & 0x80) == 0) r |= ((a >>> (8 * (select & 7))) & 0xff) << i;
        }
        return r;
    }

    /** PSHUFB on XMM registers. */
    public static void pshufb(long[] r, int dst, long lo, long hi) {
        long low = pick(r[dst], r[dst + 1], lo);
        r[dst + 1] = pick(r[dst], r[dst + 1], hi);
        r[dst] = low;
    }

    private static long pick(long lo, long hi, long selectors) {
        long picked = 0;
        for (int i = 0; i < 64; i += 8) {
            int select = (int) (selectors >>> i);
            if ((select & 0x80) != 0) continue;
            picked |= ((((select & 8) == 0 ? lo : hi) >>> (8 * (select & 7))) & 0xff) << i;
        }
        return picked;
    }

    /** PSHUFW, and either half for PSHUFLW and PSHUFHW. */
    public static long pshufw(long b, int immediate) {
        long r = 0;
        for (int i = 0; i < 4; i++) r |= ((b >>> (16 * ((immediate >> (2 * i)) & 3))) & 0xffff) << (16 * i);
        return r;
    }

    public static void pshuflw(long[] r, int dst, long lo, long hi, int immediate) {
        r[dst] = pshufw(lo, immediate);
        r[dst + 1] = hi;
    }

    public static void pshufhw(long[] r, int dst, long lo, long hi, int immediate) {
        r[dst] = lo;
        r[dst + 1] = pshufw(hi, immediate);
    }

    public static void pshufd(long[] r, int dst, long lo, long hi, int immediate) {
        r[dst] = pair(dword(lo, hi, immediate), dword(lo, hi, immediate >> 2));
        r[dst + 1] = pair(dword(lo, hi, immediate >> 4), dword(lo, hi, immediate >> 6));
    }

    public static void shufps(long[] r, int dst, long lo, long hi, int immediate) {
        long low = pair(dword(r[dst], r[dst + 1], immediate), dword(r[dst], r[dst + 1], immediate >> 2));
        r[dst] = low;
        r[dst + 1] = pair(dword(lo, hi, immediate >> 4), dword(lo, hi, immediate >> 6));
    }

    public static void shufpd(long[] r, int dst, long lo, long hi, int immediate) {
        if ((immediate & 1) != 0) r[dst] = r[dst + 1];
        r[dst + 1] = (immediate & 2) == 0 ? lo : hi;
    }

    static int dword(long lo, long hi, int index) {
        return (int) (((index & 2) == 0 ? lo : hi) >>> (32 * (index & 1)));
    }

    // ---- duplicates

    public static void movddup(long[] r, int dst, long lo, long hi) {
        r[dst] = lo;
        r[dst + 1] = lo;
    }

    public static void movsldup(long[] r, int dst, long lo, long hi) {
        r[dst] = pair((int) lo, (int) lo);
        r[dst + 1] = pair((int) hi, (int) hi);
    }

    public static void movshdup(long[] r, int dst, long lo, long hi) {
        r[dst] = pair((int) (lo >> 32), (int) (lo >> 32));
        r[dst + 1] = pair((int) (hi >> 32), (int) (hi >> 32));
    }

    // ---- blends

    public static void pblendw(long[] r, int dst, long lo, long hi, int immediate) {
        r[dst] = PackedArithmetic.select(r[dst], lo, wordMask(immediate));
        r[dst + 1] = PackedArithmetic.select(r[dst + 1], hi, wordMask(immediate >> 4));
    }

    private static long wordMask(int bits) {
        long mask = 0;
        for (int i = 0; i < 4; i++) if ((bits & (1 << i)) != 0) mask |= 0xffffL << (16 * i);
        return mask;
    }

    public static void blendps(long[] r, int dst, long lo, long hi, int immediate) {
        r[dst] = PackedArithmetic.select(r[dst], lo, dwordMask(immediate));
        r[dst + 1] = PackedArithmetic.select(r[dst + 1], hi, dwordMask(immediate >> 2));
    }

    private static long dwordMask(int bits) {
        return ((bits & 1) != 0 ? 0xffff_ffffL : 0) | ((bits & 2) != 0 ? 0xffff_ffff_0000_0000L : 0);
    }

    public static void blendpd(long[] r, int dst, long lo, long hi, int immediate) {
        if ((immediate & 1) != 0) r[dst] = lo;
        if ((immediate & 2) != 0) r[dst + 1] = hi;
    }

    /**
     * PBLENDVB: bytes of the second operand where those of the mask, which is XMM0, are negative.
     * 64 bits at a time.
     */
    public static long pblendvb(long a, long b, long mask) {
        return PackedArithmetic.select(a, b, PackedCompare.pcmpgtb(0, mask));
    }

    /** BLENDVPS, 64 bits at a time. */
    public static long blendvps(long a, long b, long mask) {
        return PackedArithmetic.select(a, b, PackedCompare.pcmpgtd(0, mask));
    }

    /** BLENDVPD, 64 bits at a time. */
    public static long blendvpd(long a, long b, long mask) {
        return mask < 0 ? b : a;
    }

    // ---- insertion and extraction; an element's number is taken modulo how many there are

    /**
     * PINSRB, PINSRW, PINSRD, PINSRQ by the element's width in bits; on MMX registers {@code r} has
     * but one word.
     */
    public static void insert(long[] r, int dst, long value, int index, int width) {
        int elements = 128 / width;
        int bit = (index & (elements - 1)) * width;
        r[dst + (bit >> 6)] = insert(r[dst + (bit >> 6)], value, bit & 63, width);
    }

    /** Puts the low {@code width} bits of a value at a bit of a word. */
    public static long insert(long word, long value, int bit, int width) {
        long mask = -1L >>> (64 - width);
        return (word & ~(mask << bit)) | ((value & mask) << bit);
    }

    /**
     * PEXTRB, PEXTRW, PEXTRD, PEXTRQ and EXTRACTPS by the element's width in bits: zero-extended.
     */
    public static long extract(long lo, long hi, int index, int width) {
        int bit = (index & (128 / width - 1)) * width;
        return ((bit < 64 ? lo : hi) >>> (bit & 63)) & (-1L >>> (64 - width));
    }

    /**
     * INSERTPS. The source of an instruction with a memory operand is that doubleword in {@code
     * lo}, and bits 6 and 7 of its immediate are to be cleared.
     */
    public static void insertps(long[] r, int dst, long lo, long hi, int immediate) {
        int value = dword(lo, hi, immediate >> 6);
        int at = (immediate >> 4) & 3;
        r[dst + (at >> 1)] = insert(r[dst + (at >> 1)], value, 32 * (at & 1), 32);
        r[dst] &= ~dwordMask(immediate);
        r[dst + 1] &= ~dwordMask(immediate >> 2);
    }

    // ---- widening: PMOVSXxx and PMOVZXxx by the width of source and destination elements, in bits

    static void pmovsx(long[] r, int dst, long lo, int from, int to) {
        r[dst] = signExtended(lo, 0, from, to);
        r[dst + 1] = signExtended(lo, 64 / to, from, to);
    }

    static void pmovzx(long[] r, int dst, long lo, int from, int to) {
        r[dst] = zeroExtended(lo, 0, from, to);
        r[dst + 1] = zeroExtended(lo, 64 / to, from, to);
    }

    private static long signExtended(long source, int first, int from, int to) {
        long r = 0;
        for (int i = 0; i < 64 / to; i++) {
            long element = (source << (64 - from * (first + i + 1))) >> (64 - from);
            r |= (element & (-1L >>> (64 - to))) << (to * i);
        }
        return r;
    }

    private static long zeroExtended(long source, int first, int from, int to) {
        long r = 0;
        for (int i = 0; i < 64 / to; i++) {
            r |= ((source << (64 - from * (first + i + 1))) >>> (64 - from)) << (to * i);
        }
        return r;
    }
}
