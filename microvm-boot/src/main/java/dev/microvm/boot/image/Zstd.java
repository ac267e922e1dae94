package dev.microvm.boot.image;

/** What the parts of the zstd decompressor share. */
final class Zstd {
    /** The most that one block unpacks to, in bytes: RFC 8878, 3.1.1.2.4. */
    static final int MAX_BLOCK_SIZE = 128 * 1024;

    private Zstd() {}

    /** The error of a payload that is not intact. */
    static InvalidImageException corrupt(String found) {
        return new InvalidImageException("an intact zstd payload", found);
    }

    /** The number of the highest set bit of {@code value}, which is above 0. */
    static int highestBit(int value) {
        return Integer.SIZE - 1 - Integer.numberOfLeadingZeros(value);
    }
}
