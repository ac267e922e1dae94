package dev.microvm.clock;

/**
 * A clock that only moves forward, in nanoseconds from an arbitrary origin. Any thread may read it.
 */
@FunctionalInterface
public interface NanoClock {
    /** The host's monotonic clock. */
    NanoClock SYSTEM = System::nanoTime;

    /** The time now, in nanoseconds; compare by difference only. */
    long nanoTime();
}
