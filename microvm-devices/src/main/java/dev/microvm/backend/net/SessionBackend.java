package dev.microvm.backend.net;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A network with a thread of its own. From {@link #start} to {@link #close} it has a {@link
 * NetSession}; at other times it takes frames, which are lost, and has none.
 */
public abstract class SessionBackend implements NetBackend {
    private volatile @Nullable NetSession session;

    /** Makes a back end that is closed. */
    protected SessionBackend() {}

    /**
     * Opens everything, without letting the thread run; throws as {@link NetBackend#start} does.
     */
    protected abstract NetSession open(String name, Runnable ready);

    /** The session, or null while it is closed; any thread may call. */
    protected final @Nullable NetSession session() {
        return session;
    }

    @Override
    public final synchronized void start(String name, Runnable ready) {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(ready, "ready");
        if (session != null) throw new IllegalStateException(this + " is used by a device");
        NetSession opened = open(name, ready);
        opened.start();
        session = opened;
    }

    @Override
    public final boolean send(MemorySegment segment, long offset, long length) {
        Objects.requireNonNull(segment, "segment");
        NetSession open = session;
        return open == null || open.send(segment, offset, length);
    }

    @Override
    public final int receive(MemorySegment segment, long offset, int capacity) {
        Objects.requireNonNull(segment, "segment");
        NetSession open = session;
        return open == null ? NO_FRAME : open.receive(segment, offset, capacity);
    }

    @Override
    public final synchronized void close() {
        NetSession closing = session;
        session = null;
        if (closing != null) closing.close();
    }
}
