package dev.microvm.engine.simd;

/**
 * The CRC32 instruction: polynomial 0x11edc6f41, bits reflected, no inversion. Intel SDM vol. 2,
 * "CRC32".
 */
public final class Crc32 {
    private static final int REFLECTED_POLYNOMIAL = 0x82f6_3b78;
    private static final int[] TABLE = table();

    private Crc32() {}

    private static int[] table() {
        int[] table = new int[256];
        for (int i = 0; i < table.length; i++) {
            int crc = i;
            for (int bit = 0; bit < Byte.SIZE; bit++) {
                crc = (crc >>> 1) ^ ((crc & 1) != 0 ? REFLECTED_POLYNOMIAL : 0);
            }
            table[i] = crc;
        }
        return table;
    }

    /**
     * Adds bytes to a sum.
     *
     * @param crc the sum so far
     * @param value bytes, the lowest first
     * @param bytes how many: 1, 2, 4 or 8
     */
    public static int crc32(int crc, long value, int bytes) {
        int sum = crc;
        for (int i = 0; i < bytes; i++) sum = (sum >>> 8) ^ TABLE[(sum ^ (int) (value >>> (8 * i))) & 0xff];
        return sum;
    }
}
