package dev.microvm.sandbox.files;

import dev.microvm.sandbox.agent.RemoteFiles;
import dev.microvm.sandbox.agent.RemoteWatch;
import java.io.IOException;
import java.nio.file.ClosedWatchServiceException;
import java.nio.file.WatchKey;
import java.nio.file.WatchService;
import java.util.Set;
import java.util.concurrent.BlockingDeque;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingDeque;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * Watches folders of a guest, each by a connection of its own. The keys of a guest that has ended
 * become invalid. Any thread may call.
 */
final class GuestWatchService implements WatchService {
    private final BlockingDeque<Signal> signals = new LinkedBlockingDeque<>();
    private final Set<GuestWatchKey> keys = ConcurrentHashMap.newKeySet();
    private volatile boolean closed;

    /** A key that has something to say; without a key, the end of the service. */
    private record Signal(@Nullable GuestWatchKey key) {}

    GuestWatchKey register(GuestPath folder, RemoteFiles files, int mask) throws IOException {
        requireOpen();
        String path = folder.toAbsolutePath().toString();
        RemoteWatch watch = GuestFileSystemProvider.on(folder, () -> files.watch(path, mask));
        GuestWatchKey key = new GuestWatchKey(this, folder, watch, mask);
        keys.add(key);
        if (closed) key.cancel();
        else key.start();
        return key;
    }

    void signal(GuestWatchKey key) {
        signals.add(new Signal(key));
    }

    void forget(GuestWatchKey key) {
        keys.remove(key);
    }

    private void requireOpen() {
        if (closed) throw new ClosedWatchServiceException();
    }

    /** Passes the end on to the next waiter. */
    private @Nullable WatchKey keyOf(@Nullable Signal signal) {
        if (signal == null) return null;
        if (signal.key() == null) signals.add(signal);
        requireOpen();
        return signal.key();
    }

    @Override
    public @Nullable WatchKey poll() {
        requireOpen();
        return keyOf(signals.poll());
    }

    @Override
    public @Nullable WatchKey poll(long timeout, TimeUnit unit) throws InterruptedException {
        requireOpen();
        return keyOf(signals.poll(timeout, unit));
    }

    @Override
    public WatchKey take() throws InterruptedException {
        requireOpen();
        WatchKey key = keyOf(signals.take());
        if (key == null) throw new ClosedWatchServiceException();
        return key;
    }

    @Override
    public void close() {
        if (closed) return;
        closed = true;
        keys.forEach(GuestWatchKey::cancel);
        signals.addFirst(new Signal(null));
    }
}
