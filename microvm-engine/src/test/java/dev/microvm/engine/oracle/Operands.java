package dev.microvm.engine.oracle;

import java.util.SplittableRandom;

/**
 * Operands that find mistakes: corners, near misses of them, and random ones; by a seed that a
 * failure names.
 */
public final class Operands {
    private static final long[] CORNERS_64 = {
        0L,
        1L,
        -1L,
        Long.MIN_VALUE,
        Long.MAX_VALUE,
        0x8000_8000_8000_8000L,
        0x7fff_7fff_7fff_7fffL,
        0x8080_8080_8080_8080L,
        0x7f7f_7f7f_7f7f_7f7fL,
        0x0000_0000_ffff_ffffL,
        0x8000_0000_7fff_ffffL,
        16,
        63,
        64,
    };

    private final SplittableRandom random;

    public Operands(long seed) {
        random = new SplittableRandom(seed);
    }

    public SplittableRandom random() {
        return random;
    }

    /** Packed integers: corners, few distinct bytes, or anything. */
    public long packed() {
        return switch (random.nextInt(4)) {
            case 0 -> CORNERS_64[random.nextInt(CORNERS_64.length)];
            case 1 -> random.nextLong() & (random.nextLong() >>> 3);
            case 2 -> (random.nextLong() & 0x8181_8181_8181_8181L) ^ (random.nextBoolean() ? 0 : -1L);
            default -> random.nextLong();
        };
    }

    /** A double of any kind, as bits. */
    public long float64() {
        long sign = random.nextLong() & Long.MIN_VALUE;
        return sign
                | switch (random.nextInt(12)) {
                    case 0 -> 0L;
                    case 1 -> 0x7ff0_0000_0000_0000L;
                    case 2 -> 0x7ff8_0000_0000_0000L | (random.nextLong() >>> 13);
                    case 3 -> 0x7ff0_0000_0000_0001L | (random.nextLong() >>> 14);
                    case 4 -> fraction(52); // denormal
                    case 5 -> ((long) random.nextInt(60) << 52) | fraction(52);
                    case 6 -> ((2046L - random.nextInt(60)) << 52) | fraction(52);
                    case 7, 8 -> ((1023L + random.nextInt(140) - 70) << 52) | fraction(52);
                    case 9 -> Double.doubleToRawLongBits(random.nextInt(1 << random.nextInt(1, 31)));
                    case 10 -> ((1023L + random.nextInt(4) - 2) << 52) | fraction(52);
                    default -> random.nextLong() >>> 1;
                };
    }

    /** A float of any kind, as bits. */
    public int float32() {
        int sign = random.nextInt() & Integer.MIN_VALUE;
        return sign
                | switch (random.nextInt(12)) {
                    case 0 -> 0;
                    case 1 -> 0x7f80_0000;
                    case 2 -> 0x7fc0_0000 | (random.nextInt() >>> 10);
                    case 3 -> 0x7f80_0001 | (random.nextInt() >>> 11);
                    case 4 -> (int) fraction(23);
                    case 5 -> (random.nextInt(30) << 23) | (int) fraction(23);
                    case 6 -> ((254 - random.nextInt(30)) << 23) | (int) fraction(23);
                    case 7, 8 -> ((127 + random.nextInt(80) - 40) << 23) | (int) fraction(23);
                    case 9 -> Float.floatToRawIntBits(random.nextInt(1 << random.nextInt(1, 31)));
                    case 10 -> ((127 + random.nextInt(4) - 2) << 23) | (int) fraction(23);
                    default -> random.nextInt() >>> 1;
                };
    }

    /** Two floats. */
    public long floats32() {
        return Integer.toUnsignedLong(float32()) | ((long) float32() << 32);
    }

    /** Bits of a fraction: few, many leading ones, or random. */
    public long fraction(int width) {
        long mask = -1L >>> (64 - width);
        return mask
                & switch (random.nextInt(4)) {
                    case 0 -> 1L << random.nextInt(width);
                    case 1 -> -1L << random.nextInt(width);
                    case 2 -> random.nextLong() << random.nextInt(width);
                    default -> random.nextLong();
                };
    }
}
