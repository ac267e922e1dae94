package dev.microvm.devices.legacy;

import dev.microvm.clock.Timers;
import dev.microvm.state.DeviceState;
import org.jspecify.annotations.Nullable;

/**
 * The receive time-out of a 16550: characters wait in the FIFO, and for four character times none
 * was received or read. A new character moves only the deadline; the timer is armed again when it
 * expires before the deadline. Guarded by the lock of its {@link Uart16550}.
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
     * Makes the time-out of one receiver.
     *
     * @param timers timers for the time-out; null if it expires immediately
     * @param expiry action at the expiry of the timer; it must call {@link #expired}
     */
    UartReceiveTimeout(@Nullable Timers timers, Runnable expiry) {
        this.timers = timers;
        this.timer = timers == null ? null : timers.timer(expiry);
    }

    /** Returns whether the time-out has expired and no character was read since. */
    boolean passed() {
        return passed;
    }

    /** Clears an expired time-out, because a character was read. */
    void acknowledge() {
        passed = false;
    }

    /** Stops the time-out, because no character waits. */
    void stop() {
        passed = false;
        waiting = false;
    }

    /** Restarts the time-out, unless it has expired. */
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

    /** Handles the expiry of the timer; returns whether the time-out has expired. */
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
