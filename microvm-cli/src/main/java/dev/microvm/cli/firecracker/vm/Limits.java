package dev.microvm.cli.firecracker.vm;

import dev.microvm.cli.firecracker.json.Fields;
import dev.microvm.limits.RateLimit;
import java.util.Optional;

/** Turns Firecracker's token buckets into rates. */
final class Limits {
    private static final int MILLIS_PER_SECOND = 1000;

    private Limits() {}

    /** Returns the limit of a rate limiter; none if there is no rate limiter. */
    static RateLimit of(Optional<Fields> limiter) {
        return changed(RateLimit.NONE, limiter);
    }

    /** Returns a limit after a change, which leaves alone what it does not name. */
    static RateLimit changed(RateLimit now, Optional<Fields> limiter) {
        if (limiter.isEmpty()) return now;
        Fields change = limiter.get();
        return new RateLimit(
                change.fields("bandwidth").map(Limits::perSecond).orElse(now.bytesPerSecond()),
                change.fields("ops").map(Limits::perSecond).orElse(now.operationsPerSecond()));
    }

    /** Returns the rate of a bucket, at least 1; a size or a time of 0 is no limit. */
    private static long perSecond(Fields bucket) {
        double size = bucket.number("size");
        double millis = bucket.number("refill_time");
        if (size == 0 || millis == 0) return 0;
        return Math.max(1, (long) (size * MILLIS_PER_SECOND / millis));
    }
}
