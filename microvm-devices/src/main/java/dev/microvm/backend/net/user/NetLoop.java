package dev.microvm.backend.net.user;

import dev.microvm.clock.NanoClock;
import dev.microvm.error.GuestNoise;
import java.io.IOException;
import java.nio.channels.SelectableChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Serves the sockets and timers of a network on its thread, one after the other. Any thread may
 * call {@link #wake}.
 */
final class NetLoop implements AutoCloseable {
    /** Handles a ready channel. */
    interface Ready {
        void ready(SelectionKey key);
    }

    private static final Logger log = LoggerFactory.getLogger(NetLoop.class);
    private static final long NANOS_PER_MILLI = 1_000_000;

    private final NanoClock clock;
    private final Selector selector;
    private final TimerHeap timers = new TimerHeap();
    private final Consumer<SelectionKey> dispatch = this::dispatch;
    private long now;
    private boolean selecting;
    private final GuestNoise failures = new GuestNoise();
    private Consumer<RuntimeException> observer = failure -> {};

    NetLoop(NanoClock clock) throws IOException {
        this.clock = clock;
        now = clock.nanoTime();
        selector = Selector.open();
    }

    /** Returns the time at which this turn began, in nanoseconds. */
    long now() {
        return now;
    }

    TimerHeap.Timer timer(Runnable action) {
        return timers.timer(() -> guarded(action));
    }

    SelectionKey register(SelectableChannel channel, int operations, Ready who) throws IOException {
        channel.configureBlocking(false);
        return channel.register(selector, operations, who);
    }

    /** Serves the ready channels and due timers. If {@code mayWait}, waits for the first. */
    void turn(boolean mayWait) throws IOException {
        long delay = timers.delay(clock.nanoTime());
        selecting = true;
        try {
            if (!mayWait || delay == 0) selector.selectNow(dispatch);
            else if (delay == Long.MAX_VALUE) selector.select(dispatch, 0);
            else selector.select(dispatch, delay / NANOS_PER_MILLI + 1);
        } finally {
            selecting = false;
        }
        now = clock.nanoTime();
        timers.run(now);
    }

    /**
     * Frees the descriptors of closed channels now. A selector otherwise keeps them until its next
     * {@link #turn}, so that a guest could make this process exceed its limit in one turn.
     */
    void releaseClosed() {
        if (selecting) return; // a handler runs; the next turn frees them
        try {
            selector.selectNow();
            selector.selectedKeys().clear(); // the next turn finds them ready again
        } catch (IOException e) {
            log.debug("freeing closed sockets failed", e);
        }
    }

    /** Ends the wait of the current {@link #turn} or, if there is none, of the next. */
    void wake() {
        selector.wakeup();
    }

    /** Closes the selector and every channel that is registered with it. */
    @Override
    public void close() {
        for (SelectionKey key : selector.keys()) closeQuietly(key.channel());
        try {
            selector.close();
        } catch (IOException e) {
            log.warn("closing a selector failed", e);
        }
    }

    /**
     * Runs an action whose failure must not end the network: a failure is a bug, and the guest
     * could repeat it.
     */
    void guarded(Runnable action) {
        try {
            action.run();
        } catch (RuntimeException e) {
            failed(e);
        }
    }

    /** Logs the 1st, 2nd, 4th, 8th... failure. */
    void failed(RuntimeException e) {
        observer.accept(e);
        long n = failures.count();
        if (n != 0) log.error("the user network failed {} times, last:", n, e);
    }

    void onFailure(Consumer<RuntimeException> newObserver) {
        observer = newObserver;
    }

    static void closeQuietly(AutoCloseable closeable) {
        try {
            closeable.close();
        } catch (Exception e) {
            log.debug("closing a socket failed", e);
        }
    }

    private void dispatch(SelectionKey key) {
        try {
            if (key.isValid() && key.attachment() instanceof Ready who) who.ready(key);
        } catch (RuntimeException e) {
            failed(e);
        }
    }
}
