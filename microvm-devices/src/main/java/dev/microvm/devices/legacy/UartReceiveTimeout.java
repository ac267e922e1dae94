package dev.microvm.devices.legacy;

import dev.microvm.clock.Timers;
import dev.microvm.state.DeviceState;
import org.jspecify.annotations.Nullable;

/**
 * The receive time-out of a 16550: characters wait in the FIFO, and for four character times nothing came or was read. Its
 * timer is left alone while characters flow; when it expires it sees that the deadline has moved. Guarded by the lock of its
 * {@link Uart16550}.
 */
final class UartReceiveTimeout {
    private final @Nullable Timers timers;
    private final Timers.@Nullable Timer timer;
    private boolean passed;
    private boolean waiting; // for the deadline
    private long deadline; // on the clock of timers
    private boolean armed;
    private long armedFor; // not after the deadline, while waiting

    /**
     * Makes one.
     *
     * @param timers null if any time-out passes at once
     * @param expiry to run when the timer expires: calls {@link #expired}
     */
    UartReceiveTimeout(@Nullable Timers timers, Runnable expiry) {
        this.timers = timers;
        this.timer = timers == null ? null : timers.timer(expiry);
    }

    /** Whether the time has passed, and nobody has read since. */
    boolean passed() {
        return passed;
    }

    /** A character was read: the time has not passed any more. */
    void acknowledge() {
        passed = false;
    }

    /** Nothing is there to wait for. */
    void stop() {
        passed = false;
        waiting = false;
    }

    /** Starts again, unless it has passed. */
    void restart(long nanos) {
        if (passed) return;
        if (timers == null || timer == null) {
            passed = true;
            return;
        }
        waiting = true;
        deadline = timers.nanoTime() + nanos;
        boolean inTime = armed && armedFor - deadline <= 0; // else the guest chose a higher rate
        if (!inTime) arm(timer);
    }

    /** The timer expired; returns whether the time has passed now. */
    boolean expired() {
        armed = false;
        if (timers == null || timer == null || !waiting) return false;
        if (timers.nanoTime() - deadline < 0) {
            arm(timer);
            return false;
        }
        waiting = false;
        passed = true;
        return true;
    }

    private void arm(Timers.Timer it) {
        armed = true;
        armedFor = deadline;
        it.armAt(deadline);
    }

    void save(DeviceState to) {
        to.put("timeoutInterrupt", passed)
                .put("timeoutArmed", waiting)
                .put("timeoutLeftNanos", timers == null || !waiting ? 0 : deadline - timers.nanoTime());
    }

    void restore(DeviceState from) {
        passed = from.flag("timeoutInterrupt");
        waiting = false;
        if (!from.flag("timeoutArmed")) return;
        if (timers == null || timer == null) {
            passed = true;
            return;
        }
        waiting = true;
        deadline = timers.nanoTime() + from.number("timeoutLeftNanos");
        arm(timer);
    }
}
