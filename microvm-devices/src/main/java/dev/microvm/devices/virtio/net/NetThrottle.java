package dev.microvm.devices.virtio.net;

import dev.microvm.clock.Timers;
import dev.microvm.limits.RateLimit;
import dev.microvm.limits.RateLimiter;

/**
 * Holds the frames of one direction back to a {@link RateLimit}. A frame is paid for once, however
 * often its way is blocked afterwards. For the loop's thread.
 */
final class NetThrottle {
    private final Timers clock;
    private final Timers.Timer timer;
    private final RateLimiter limiter;
    private boolean paid; // for the frame that is next

    /**
     * Makes a throttle.
     *
     * @param clock clock of the loop, which stands while the machine is paused
     * @param again what to run when the next frame may pass
     */
    NetThrottle(Timers clock, RateLimit limit, Runnable again) {
        this.clock = clock;
        timer = clock.timer(again);
        limiter = new RateLimiter(limit, clock.nanoTime());
    }

    /** Changes the limit. */
    void limit(RateLimit limit) {
        limiter.limit(limit, clock.nanoTime());
    }

    /** Returns whether the next frame may pass; if not, calls back when it is time to ask again. */
    boolean admits(long bytes) {
        if (paid) return true;
        long now = clock.nanoTime();
        long wait = limiter.admit(now, bytes);
        paid = wait == 0;
        if (!paid) timer.armAt(now + wait);
        return paid;
    }

    /** Notes that the frame has passed, or that there is none any more. */
    void next() {
        paid = false;
    }

    /** Stops calling back, because the device closes. Any thread may call. */
    void stop() {
        timer.cancel();
    }
}
