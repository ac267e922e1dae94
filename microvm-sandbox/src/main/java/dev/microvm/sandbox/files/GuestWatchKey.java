package dev.microvm.sandbox.files;

import static java.nio.file.StandardWatchEventKinds.ENTRY_CREATE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_DELETE;
import static java.nio.file.StandardWatchEventKinds.ENTRY_MODIFY;
import static java.nio.file.StandardWatchEventKinds.OVERFLOW;

import dev.microvm.sandbox.agent.RemoteWatch;
import java.io.IOException;
import java.nio.file.Path;
import java.nio.file.WatchEvent;
import java.nio.file.WatchKey;
import java.nio.file.Watchable;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/** One watched folder. Keeps a bounded number of events; when there are more, they become one OVERFLOW. */
final class GuestWatchKey implements WatchKey {
    private static final Logger log = LoggerFactory.getLogger(GuestWatchKey.class);
    private static final int MOST_EVENTS = 512; // as the JDK's own services

    private final GuestWatchService service;
    private final GuestPath folder;
    private final RemoteWatch watch;
    private final int mask;

    // Guarded by this.
    private List<WatchEvent<?>> events = new ArrayList<>();
    private boolean signalled;
    private boolean valid = true;

    /** An event; {@code context} is the file's name, or null of an overflow. */
    private record Event<T>(Kind<T> kind, @Nullable T context, int count) implements WatchEvent<T> {
        @Override
        @SuppressWarnings("NullAway") // an overflow has none: WatchEvent.context
        public T context() {
            return context;
        }
    }

    GuestWatchKey(GuestWatchService service, GuestPath folder, RemoteWatch watch, int mask) {
        this.service = service;
        this.folder = folder;
        this.watch = watch;
        this.mask = mask;
    }

    void start() {
        Thread.ofVirtual().name("microvm-watch").start(this::read);
    }

    private void read() {
        try {
            for (List<RemoteWatch.Event> next = watch.next(); !next.isEmpty(); next = watch.next()) {
                for (RemoteWatch.Event each : next) {
                    if ((each.mask() & RemoteWatch.IGNORED) != 0) return;
                    take(each);
                }
            }
        } catch (IOException e) {
            log.debug("{}: {}", folder, e.toString());
        } finally {
            cancel();
            signal();
        }
    }

    private void take(RemoteWatch.Event event) {
        int what = event.mask() & mask;
        if ((event.mask() & RemoteWatch.OVERFLOW) != 0) add(new Event<>(OVERFLOW, null, 1));
        if (event.name().isEmpty()) return;
        Path name = folder.getFileSystem().getPath(event.name());
        if ((what & (RemoteWatch.CREATE | RemoteWatch.MOVED_TO)) != 0) add(new Event<>(ENTRY_CREATE, name, 1));
        if ((what & (RemoteWatch.DELETE | RemoteWatch.MOVED_FROM)) != 0) add(new Event<>(ENTRY_DELETE, name, 1));
        if ((what & RemoteWatch.MODIFY) != 0) add(new Event<>(ENTRY_MODIFY, name, 1));
    }

    private synchronized void add(Event<?> event) {
        WatchEvent<?> last = events.isEmpty() ? null : events.getLast();
        boolean same = last != null && last.kind().equals(event.kind()) && sameContext(last, event);
        if (same && last instanceof Event<?> counted) {
            events.set(events.size() - 1, again(counted));
        } else if (events.size() < MOST_EVENTS) {
            events.add(event);
        } else {
            events.clear();
            events.add(new Event<>(OVERFLOW, null, 1));
        }
        signal();
    }

    private static boolean sameContext(WatchEvent<?> one, WatchEvent<?> other) {
        return one.context() == null ? other.context() == null : one.context().equals(other.context());
    }

    private static <T> Event<T> again(Event<T> event) {
        return new Event<>(event.kind(), event.context(), event.count() + 1);
    }

    private synchronized void signal() {
        if (signalled) return;
        signalled = true;
        service.signal(this);
    }

    @Override
    public synchronized boolean isValid() {
        return valid;
    }

    @Override
    public synchronized List<WatchEvent<?>> pollEvents() {
        List<WatchEvent<?>> taken = events;
        events = new ArrayList<>();
        return taken;
    }

    @Override
    public synchronized boolean reset() {
        if (!valid) return false;
        signalled = false;
        if (!events.isEmpty()) signal();
        return true;
    }

    @Override
    public void cancel() {
        synchronized (this) {
            if (!valid) return;
            valid = false;
        }
        service.forget(this);
        try {
            watch.close();
        } catch (IOException e) {
            log.debug("{}: {}", folder, e.toString());
        }
    }

    @Override
    public Watchable watchable() {
        return folder;
    }
}
