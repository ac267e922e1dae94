package dev.microvm.clock;

/**
 * A clock that can also call back. Any thread may use it; actions run one at a time, on one thread
 * of its own.
 */
public interface Timers extends NanoClock {
    /**
     * Makes a timer that is not armed.
     *
     * @param action what to run when it expires; must not block
     */
    Timer timer(Runnable action);

    /** One callback that can be armed again and again. */
    interface Timer {
        /**
         * Arms the timer, in place of an earlier deadline; a deadline that has passed fires at
         * once.
         *
         * @param deadline on the clock of {@link Timers#nanoTime()}, in nanoseconds
         */
        void armAt(long deadline);

        /** Disarms the timer. An action that is already running goes on. */
        void cancel();
    }
}
