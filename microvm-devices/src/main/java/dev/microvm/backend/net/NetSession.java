package dev.microvm.backend.net;

import dev.microvm.event.ThreadEnd;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * What a {@link SessionBackend} holds of the host while it is open, and the thread that waits for
 * the host. {@link #send} and {@link #receive} are as in {@link NetBackend}.
 */
public abstract class NetSession {
    private static final Logger log = LoggerFactory.getLogger(NetSession.class);
    private static final Duration JOIN_LIMIT = Duration.ofSeconds(5);

    private final String threadName;
    private volatile @Nullable Thread thread; // once it is started
    private volatile boolean stopping;

    /** Makes a session whose thread does not run yet. */
    protected NetSession(String threadName) {
        this.threadName = threadName;
    }

    /** Takes a frame of the guest's. */
    protected abstract boolean send(MemorySegment segment, long offset, long length);

    /** Gives the guest the next frame. */
    protected abstract int receive(MemorySegment segment, long offset, int capacity);

    /**
     * Waits for the host once, and does what is due. Called by the session's thread again and again
     * until it is stopped.
     */
    protected abstract void serve() throws IOException;

    /** Wakes the thread out of {@link #serve}; any thread may call. */
    protected abstract void wake();

    /** Frees what the session holds; called by the thread at its end. */
    protected abstract void free();

    /** Name of the thread, for logs. */
    protected final String threadName() {
        return threadName;
    }

    /** Whether the session is being closed. */
    protected final boolean stopping() {
        return stopping;
    }

    final void start() {
        thread = Thread.ofPlatform().name(threadName).daemon().start(this::run);
    }

    private void run() {
        try {
            while (!stopping) serve();
        } catch (IOException e) {
            log.error("{}: nothing is carried any more: waiting failed", threadName, e);
        } finally {
            free();
        }
    }

    /** Ends the thread, which frees everything. */
    final void close() {
        stopping = true;
        wake();
        Thread started = thread;
        if (started != null && !ThreadEnd.await(started, JOIN_LIMIT)) {
            log.error("{} does not end: what it calls blocks", threadName);
        }
    }
}
