package dev.microvm.engine.oracle;

/**
 * Results in which a manual asks for a NaN and leaves open which: of DPPS and DPPD (Intel SDM vol.
 * 2A).
 */
public final class NanChoice {
    private NanChoice() {}

    /** Whether two doubles, as bits, are the same or both a NaN. */
    public static boolean allowsDouble(long a, long b) {
        return a == b || (Double.isNaN(Double.longBitsToDouble(a)) && Double.isNaN(Double.longBitsToDouble(b)));
    }

    /** Whether each of two floats, as bits, is the same as its counterpart or a NaN like it. */
    public static boolean allowsFloats(long a, long b) {
        return allowsFloat((int) a, (int) b) && allowsFloat((int) (a >>> 32), (int) (b >>> 32));
    }

    private static boolean allowsFloat(int a, int b) {
        return a == b || (Float.isNaN(Float.intBitsToFloat(a)) && Float.isNaN(Float.intBitsToFloat(b)));
    }
}
