package dev.microvm.boot.tables;

/** The checksum of MP tables and of ACPI: all bytes add up to zero. */
final class Checksum {
    private Checksum() {}

    /**
     * Sets the byte at {@code field} so that all of {@code table} adds up to zero, and returns
     * {@code table}.
     */
    static byte[] fill(byte[] table, int field) {
        return fill(table, field, table.length);
    }

    /** The same for the first {@code length} bytes of {@code table}. */
    static byte[] fill(byte[] table, int field, int length) {
        table[field] = 0;
        int sum = 0;
        for (int i = 0; i < length; i++) {
            sum += table[i];
        }
        table[field] = (byte) -sum;
        return table;
    }
}
