package dev.microvm.engine.compile;

import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The thread that compiles for all machines of this JVM, what is hottest first. It runs while there
 * is work, and a while longer.
 */
final class CompilerThread {
    private static final Logger log = LoggerFactory.getLogger(CompilerThread.class);

    /** What waits beyond this is forgotten, the oldest first: it is not so hot any more. */
    private static final int MOST_WAITING = 256;

    private static final long IDLE_MILLIS = 10_000;

    private static final List<Task> WAITING = new ArrayList<>();
    private static boolean running;

    private record Task(Compilation compilation, Runnable then) {}

    private CompilerThread() {}

    /** Has something compiled, and a call made afterwards, on the thread that did it. */
    static void add(Compilation compilation, Runnable then) {
        synchronized (WAITING) {
            if (WAITING.size() == MOST_WAITING) WAITING.removeFirst();
            WAITING.add(new Task(compilation, then));
            WAITING.notifyAll();
            if (running) return;
            running = true;
        }
        Thread thread = new Thread(CompilerThread::run, "guest-code-compiler"); // "microvm-" begins those of machines
        thread.setDaemon(true);
        thread.start();
    }

    private static void run() {
        while (runNext()) {}
    }

    /** Returns whether there was something; while it waits it holds on to no machine. */
    private static boolean runNext() {
        Task task = next();
        if (task == null) return false;
        try {
            task.compilation.run();
            task.then.run();
        } catch (RuntimeException | LinkageError e) {
            log.warn("a region of guest code could not be compiled, and runs as it is", e);
        }
        return true;
    }

    /** Waits for the hottest, or returns null if there was nothing to do for long. */
    private static @Nullable Task next() {
        synchronized (WAITING) {
            long idleSince = System.nanoTime();
            while (WAITING.isEmpty()) {
                try {
                    WAITING.wait(IDLE_MILLIS);
                } catch (InterruptedException e) {
                    running = false;
                    return null;
                }
                if (WAITING.isEmpty() && System.nanoTime() - idleSince >= IDLE_MILLIS * 1_000_000) {
                    running = false;
                    return null;
                }
            }
            Task hottest = WAITING.getFirst();
            for (Task each : WAITING) {
                if (each.compilation.head().executions()
                        > hottest.compilation.head().executions()) hottest = each;
            }
            WAITING.remove(hottest);
            return hottest;
        }
    }
}
