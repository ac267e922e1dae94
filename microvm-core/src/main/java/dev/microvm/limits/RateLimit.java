package dev.microvm.limits;

/**
 * How much may pass in a second.
 *
 * @param bytesPerSecond 0 for no limit
 * @param operationsPerSecond requests of a disk, packets of a network; 0 for no limit
 */
public record RateLimit(long bytesPerSecond, long operationsPerSecond) {
    /** No limit. */
    public static final RateLimit NONE = new RateLimit(0, 0);

    /** Checks the values. @throws IllegalArgumentException if one is negative */
    public RateLimit {
        if (bytesPerSecond < 0) {
            throw new IllegalArgumentException("bytesPerSecond " + bytesPerSecond + ": must be 0 (no limit) or more");
        }
        if (operationsPerSecond < 0) {
            throw new IllegalArgumentException(
                    "operationsPerSecond " + operationsPerSecond + ": must be 0 (no limit) or more");
        }
    }

    /** Returns a limit on bytes alone. */
    public static RateLimit bytesPerSecond(long bytes) {
        return new RateLimit(bytes, 0);
    }

    /** Returns a limit on operations alone. */
    public static RateLimit operationsPerSecond(long operations) {
        return new RateLimit(0, operations);
    }
}
