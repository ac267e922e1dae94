package dev.microvm.machine;

import java.util.concurrent.Executor;
import java.util.concurrent.ForkJoinPool;

/**
 * Runs code of the user, each time on a fresh daemon thread, {@code microvm-<name>-callback}. So it
 * may call any method of the machine, and one that blocks or fails keeps nothing of the machine.
 */
final class CallbackThreads implements Executor {
    private final String machine;

    CallbackThreads(String machine) {
        this.machine = machine;
    }

    @Override
    public void execute(Runnable code) {
        try {
            start(code);
        } catch (OutOfMemoryError e) { // also if the host has no thread left
            ForkJoinPool.commonPool().execute(code);
        }
    }

    /** Starts such a thread and returns it. */
    Thread start(Runnable code) {
        return Thread.ofPlatform()
                .name("microvm-" + machine + "-callback")
                .daemon()
                .start(code);
    }
}
