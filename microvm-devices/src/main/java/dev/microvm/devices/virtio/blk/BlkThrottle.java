package dev.microvm.devices.virtio.blk;

import dev.microvm.clock.Timers;
import dev.microvm.event.EventLoop;
import dev.microvm.limits.RateLimit;
import dev.microvm.limits.RateLimiter;
import java.util.ArrayList;
import java.util.List;

/**
 * Admits the requests of a disk at its rate. A request over the limit stays in its queue, and what
 * follows it behind it, until a timer of the loop fires; nothing else waits. When several queues
 * have such a request, they take turns. Called like the device, one thing at a time, except {@link
 * #limit}.
 */
final class BlkThrottle {
    private final EventLoop loop;
    private final RateLimiter limiter;
    private final Timers.Timer timer;
    private final List<BlkQueue> queues = new ArrayList<>();
    private int turn; // the queue that is served first when the timer fires
    private boolean waiting; // the timer is armed
    private boolean serving; // it has fired

    /** Makes one without a limit. */
    BlkThrottle(EventLoop loop) {
        this.loop = loop;
        limiter = new RateLimiter(RateLimit.NONE, loop.nanoTime());
        timer = loop.timer(this::serve);
    }

    /** Adds the next queue of the disk. */
    void add(BlkQueue queue) {
        queues.add(queue);
    }

    /** Changes the limit, also for requests that wait. Any thread may call. */
    void limit(RateLimit limit) {
        limiter.limit(limit, loop.nanoTime());
        loop.execute(this::serve);
    }

    /** Returns whether a request may be served now; if not, its queue is served again in time. */
    boolean admits(BlkRequest request) {
        long bytes = request.chargedBytes();
        if (bytes < 0) return true;
        if (waiting && !serving) return false; // who waits already is first
        long now = loop.nanoTime();
        long wait = limiter.admit(now, bytes);
        if (wait == 0) return true;
        waiting = true;
        timer.armAt(now + wait);
        return false;
    }

    /** Serves the queues in turn, until one is over the limit. */
    private void serve() {
        reset();
        serving = true;
        try {
            for (int i = 0; i < queues.size() && !waiting; i++) {
                queues.get(turn).serve();
                turn = (turn + 1) % queues.size();
            }
        } finally {
            serving = false;
        }
    }

    /** Forgets that something waits. */
    void reset() {
        waiting = false;
        timer.cancel();
    }
}
