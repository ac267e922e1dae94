package dev.microvm.devices.legacy;

import dev.microvm.clock.Timers;
import dev.microvm.state.DeviceState;
import org.jspecify.annotations.Nullable;

/**
 * Pauses on the line to a 16550's receiver: after a burst it is quiet for as long as the guest took to read the burst.
 *
 * <p>A real line is slower than its guest. Ours is not: a host that always has more would keep a guest in its interrupt
 * handler for ever, which empties the port, and it would never get to process what it read, nor to say by RTS that this is
 * too much. A guest that is done sooner than the host sends sees no pause. Guarded by the lock of its {@link Uart16550}.
 */
final class UartReceivePauses {
    /** Characters of a burst: what Linux reads in one go, drivers/tty/serial/8250/8250_port.c, serial8250_rx_chars. */
    static final int BURST = 256;

    /** The longest pause in nanoseconds: some bursts last because nobody reads. */
    static final long LONGEST = 10_000_000;

    private final @Nullable Timers timers;
    private final Timers.@Nullable Timer timer;
    private int burst; // characters so far
    private long start; // of the burst, on the clock of timers
    private boolean pausing;
    private long end; // of the pause

    /**
     * Makes one.
     *
     * @param timers null for no pauses
     * @param over to run at the end of a pause: calls {@link #over}
     */
    UartReceivePauses(@Nullable Timers timers, Runnable over) {
        this.timers = timers;
        this.timer = timers == null ? null : timers.timer(over);
    }

    /** Whether no character may come now. */
    boolean pausing() {
        return pausing;
    }

    /** A character went into the FIFO, which had room for it because the guest read on. */
    void came() {
        if (timers == null || timer == null) return;
        if (burst == 0) start = timers.nanoTime();
        if (++burst < BURST) return;
        burst = 0;
        long now = timers.nanoTime();
        long length = Math.min(LONGEST, now - start);
        if (length <= 0) return;
        pausing = true;
        end = now + length;
        timer.armAt(end);
    }

    /** The line has nothing more to bring, or may not: the next character starts a burst. */
    void idle() {
        burst = 0;
    }

    /** The timer expired; returns whether a pause is over now. */
    boolean over() {
        if (timers == null || timer == null || !pausing) return false;
        if (timers.nanoTime() - end < 0) {
            timer.armAt(end);
            return false;
        }
        pausing = false;
        return true;
    }

    void save(DeviceState to) {
        to.put("burst", burst)
                .put("burstNanos", timers == null || burst == 0 ? 0 : timers.nanoTime() - start)
                .put("pausing", pausing)
                .put("pauseLeftNanos", timers == null || !pausing ? 0 : end - timers.nanoTime());
    }

    void restore(DeviceState from) {
        pausing = false;
        burst = 0;
        if (timers == null || timer == null) return;
        timer.cancel();
        burst = Math.clamp(from.integer("burst"), 0, BURST - 1);
        start = timers.nanoTime() - from.number("burstNanos");
        pausing = from.flag("pausing");
        if (!pausing) return;
        end = timers.nanoTime() + Math.min(LONGEST, from.number("pauseLeftNanos"));
        timer.armAt(end);
    }
}
