package dev.microvm.backend.net.user;

/** Computes the time to wait for an acknowledgement: RFC 6298. Times are in nanoseconds. */
final class RetransmissionTimeout {
    private static final long MILLI = 1_000_000;
    private static final long INITIAL = 1000 * MILLI; // 2.1
    private static final long MIN = 200 * MILLI; // 2.4 says 1 s, Linux 200 ms; the guest is near
    private static final long MAX = 60_000 * MILLI; // 2.5
    private static final long GRANULARITY = MILLI;

    private long smoothed; // SRTT
    private long variation; // RTTVAR
    private long timeout = INITIAL;

    long nanos() {
        return timeout;
    }

    /** Adds a measured round trip of a segment that was sent once (Karn's rule): 2.2, 2.3. */
    void sample(long roundTrip) {
        if (smoothed == 0) {
            smoothed = Math.max(1, roundTrip);
            variation = roundTrip / 2;
        } else {
            variation += (Math.abs(smoothed - roundTrip) - variation) / 4;
            smoothed += (roundTrip - smoothed) / 8;
        }
        timeout = Math.clamp(smoothed + Math.max(GRANULARITY, 4 * variation), MIN, MAX);
    }

    /** Doubles the time after it expired: 5.5. */
    void backOff() {
        timeout = Math.min(2 * timeout, MAX);
    }
}
