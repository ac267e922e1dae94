package dev.microvm.junit;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Reads what a guest prints, line by line, on threads of its own: hands each line to the consumers,
 * and keeps the last ones of those that {@link #keep} reads. Any thread may call.
 */
final class GuestLog {
    private static final Logger log = LoggerFactory.getLogger(GuestLog.class);
    private static final int KEPT = 20; // lines
    private static final long END_MS = 2000; // for consumers that are slow

    private final String name;
    private final List<Consumer<String>> consumers;
    private final List<Thread> readers = new ArrayList<>();
    private final Object telling = new Object(); // apart, so that a slow consumer delays no report
    private final Deque<String> kept = new ArrayDeque<>(); // guarded by this

    GuestLog(String name, List<Consumer<String>> consumers) {
        this.name = name;
        this.consumers = List.copyOf(consumers);
    }

    /** Reads a stream to its end; keeps nothing of it. */
    void follow(InputStream from) {
        read(from, line -> {});
    }

    /** Reads a stream to its end and keeps its last lines. */
    void keep(InputStream from) {
        read(from, this::keep);
    }

    private void read(InputStream from, Consumer<String> keeper) {
        readers.add(Thread.ofVirtual().name("microvm-junit-log-" + name).start(() -> {
            try (BufferedReader lines = new BufferedReader(new InputStreamReader(from, StandardCharsets.UTF_8))) {
                String line;
                while ((line = lines.readLine()) != null) {
                    keeper.accept(line);
                    tell(line);
                }
            } catch (IOException e) { // the guest has ended
                log.debug("{}: {}", name, e.toString());
            }
        }));
    }

    /** Keeps lines that were read elsewhere. */
    void beginWith(List<String> lines) {
        lines.forEach(this::keep);
    }

    private synchronized void keep(String line) {
        if (kept.size() == KEPT) kept.removeFirst();
        kept.addLast(line);
    }

    private void tell(String line) {
        synchronized (telling) {
            for (Consumer<String> each : consumers) {
                try {
                    each.accept(line);
                } catch (RuntimeException e) {
                    log.warn("{}: the log consumer failed", name, e);
                }
            }
        }
    }

    /** Returns the last lines of what {@link #keep} reads. */
    synchronized List<String> lines() {
        return List.copyOf(kept);
    }

    /** Waits until all lines of a guest that has ended were handed over, for a moment at most. */
    void awaitEnd() {
        try {
            for (Thread each : readers) each.join(END_MS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }
}
