package dev.microvm.devices.legacy;

import dev.microvm.clock.Timers;
import dev.microvm.state.DeviceState;
import org.jspecify.annotations.Nullable;

/**
 * Makes pauses on the line to the receiver of a 16550: after each burst the line is quiet for as
 * long as the guest took to read the burst.
 *
 * <p>A real line is slower than its guest; this one is not. Without pauses, a host that always has
 * more input would keep the guest in the interrupt handler, which reads until the port is empty.
 * The guest would never process what it read, and never lower RTS. A guest that reads faster than
 * the host sends sees no pause. Guarded by the lock of its {@link Uart16550}.
 */
final class UartReceivePauses {
    /**
     * Characters of a burst, as many as Linux reads per interrupt:
     * drivers/tty/serial/8250/8250_port.c, serial8250_rx_chars.
     */
    static final int BURST = 256;

    /**
     * Longest pause in nanoseconds. It limits the pause after a burst that the guest did not read
     * for a long time.
     */
    static final long LONGEST = 10_000_000;

    private final @Nullable Timers timers;
    private final Timers.@Nullable Timer timer;
    private int burst; // characters so far
    private long start; // of the burst, on the clock of timers
    private boolean pausing;
    private long end; // of the pause

    /**
     * Makes the pauses of one receiver.
     *
     * @param timers timers for the ends of pauses; null for no pauses
     * @param over action at the end of a pause; it must call {@link #over}
     */
    UartReceivePauses(@Nullable Timers timers, Runnable over) {
        this.timers = timers;
        this.timer = timers == null ? null : timers.timer(over);
    }

    /** Returns whether the line is in a pause, so that no character may arrive. */
    boolean pausing() {
        return pausing;
    }

    /** Notes that a character entered the FIFO. */
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

    /** Notes that the line is idle or blocked, so that the next character begins a burst. */
    void idle() {
        burst = 0;
    }

    /** Handles the expiry of the timer; returns whether a pause has ended. */
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
