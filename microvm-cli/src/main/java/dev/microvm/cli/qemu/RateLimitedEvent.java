package dev.microvm.cli.qemu;

import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/**
 * An event that is told once a second at most, as QEMU does with those that a guest can cause at
 * will: monitor/monitor.c, monitor_qapi_event_conf. What happens within that second is told once,
 * at its end. Any thread may call; telling has a thread of its own.
 */
final class RateLimitedEvent {
    private enum State {
        IDLE,
        TOLD,
        TO_TELL
    }

    private static final long PERIOD_MS = 1000;

    private final Runnable tell;
    private final AtomicReference<State> state = new AtomicReference<>(State.IDLE);

    /**
     * Makes one.
     *
     * @param tell tells the latest state
     */
    RateLimitedEvent(Runnable tell) {
        this.tell = tell;
    }

    /** Has it told that something has happened. Does not wait. */
    void happened() {
        if (state.getAndSet(State.TO_TELL) == State.IDLE) {
            Thread.ofVirtual().name("microvm-qmp-event").start(this::tellAll);
        }
    }

    private void tellAll() {
        try {
            do {
                state.set(State.TOLD);
                tell.run();
                TimeUnit.MILLISECONDS.sleep(PERIOD_MS);
            } while (!state.compareAndSet(State.TOLD, State.IDLE));
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // nobody does that
        }
    }
}
