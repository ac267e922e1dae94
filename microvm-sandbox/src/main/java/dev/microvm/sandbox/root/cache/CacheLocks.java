package dev.microvm.sandbox.root.cache;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Who uses which file of a cache folder, across processes. A file in use has a shared lock on one
 * byte of the file {@code locks}, at a place that its name decides. So there is no file for each
 * lock that somebody must remove.
 *
 * <p>A lock of Linux is the process's, and goes when it closes any channel of the file: so each
 * process has one channel, which stays open. Thread-safe.
 */
final class CacheLocks {
    private static final Map<Path, CacheLocks> BY_FOLDER = new ConcurrentHashMap<>();

    private final FileChannel channel;
    private final Map<Long, Use> uses = new HashMap<>(); // by place

    /** A place in use, and how often. */
    private static final class Use {
        private final FileLock lock;
        private int count = 1;

        Use(FileLock lock) {
            this.lock = lock;
        }
    }

    private CacheLocks(FileChannel channel) {
        this.channel = channel;
    }

    /** Returns those of a folder, which exists. */
    static CacheLocks of(Path folder) throws IOException {
        Path key = folder.toRealPath();
        try {
            return BY_FOLDER.computeIfAbsent(key, CacheLocks::open);
        } catch (UncheckedIOException e) {
            throw e.getCause();
        }
    }

    private static CacheLocks open(Path folder) {
        try {
            return new CacheLocks(FileChannel.open(
                    folder.resolve("locks"),
                    StandardOpenOption.CREATE,
                    StandardOpenOption.WRITE,
                    StandardOpenOption.READ));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** Marks a file as in use until {@link #release}; waits while another process removes it. */
    synchronized void use(String name) throws IOException {
        Use use = uses.get(place(name));
        if (use == null) {
            uses.put(place(name), new Use(channel.lock(place(name), 1, /* shared= */ true)));
        } else {
            use.count++;
        }
    }

    /** Ends one use. */
    synchronized void release(String name) throws IOException {
        Use use = uses.get(place(name));
        if (use != null && --use.count == 0) {
            uses.remove(place(name));
            use.lock.release();
        }
    }

    /** Runs {@code action} if nobody uses the file, and keeps others from using it meanwhile. */
    synchronized void ifUnused(String name, Removal action) throws IOException {
        if (uses.containsKey(place(name))) return;
        try (FileLock lock = tryLock(place(name))) {
            if (lock != null) action.run();
        }
    }

    private @Nullable FileLock tryLock(long place) throws IOException {
        return channel.tryLock(place, 1, /* shared= */ false);
    }

    private static long place(String name) {
        long place = 0;
        for (int i = 0; i < name.length(); i++) {
            place = 31 * place + name.charAt(i);
        }
        return place & Long.MAX_VALUE >>> 1;
    }

    /** What removes a file. */
    interface Removal {
        void run() throws IOException;
    }
}
