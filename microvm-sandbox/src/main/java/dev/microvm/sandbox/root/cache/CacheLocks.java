package dev.microvm.sandbox.root.cache;

import java.io.IOException;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;

/**
 * Who uses which file of a cache folder, across processes. A file in use has a shared lock on one
 * byte of the file {@code locks}, at a place that its name decides. So there is no file for each
 * lock that somebody must remove.
 *
 * <p>A lock of Linux is the process's, and goes when it closes any channel of the file: so each
 * process has one channel, which stays open. Thread-safe.
 */
final class CacheLocks {
    /** The file's name in the folder. */
    static final String FILE = "locks";

    private static final Map<Path, CacheLocks> BY_FOLDER = new HashMap<>(); // itself the lock

    private final Path file;
    private final Map<Long, Use> uses = new HashMap<>(); // by place
    private FileChannel channel;

    /** A place in use, and how often. */
    private static final class Use {
        private FileLock lock;
        private int count = 1;

        Use(FileLock lock) {
            this.lock = lock;
        }
    }

    /** Something that needs the channel. */
    private interface Action {
        void run() throws IOException;
    }

    private CacheLocks(Path file) throws IOException {
        this.file = file;
        channel = open(file);
    }

    /** Returns those of a folder, which exists. */
    static CacheLocks of(Path folder) throws IOException {
        Path key = folder.toRealPath();
        synchronized (BY_FOLDER) {
            CacheLocks locks = BY_FOLDER.get(key);
            if (locks == null) {
                locks = new CacheLocks(key.resolve(FILE));
                BY_FOLDER.put(key, locks);
            }
            return locks;
        }
    }

    private static FileChannel open(Path file) throws IOException {
        return FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE, StandardOpenOption.READ);
    }

    /** Marks a file as in use until {@link #release}; waits while another process removes it. */
    synchronized void use(String name) throws IOException {
        long place = place(name);
        Use use = uses.get(place);
        if (use != null) {
            use.count++;
        } else {
            uninterrupted(() -> uses.put(place, new Use(channel.lock(place, 1, /* shared= */ true))));
        }
    }

    /** Ends one use. */
    synchronized void release(String name) throws IOException {
        Use use = uses.get(place(name));
        if (use != null && --use.count == 0) {
            uses.remove(place(name));
            if (use.lock.isValid()) uninterrupted(use.lock::release);
        }
    }

    /** Runs {@code removal} if nobody uses the file, and keeps others from using it meanwhile. */
    synchronized void ifUnused(String name, Removal removal) throws IOException {
        long place = place(name);
        if (uses.containsKey(place)) return;
        uninterrupted(() -> {
            try (FileLock lock = channel.tryLock(place, 1, /* shared= */ false)) {
                if (lock != null) removal.run();
            }
        });
    }

    /**
     * Runs what needs the channel. A thread that is interrupted closes the channel, and with it all
     * locks of the process: then opens it again, and locks what is in use.
     */
    private void uninterrupted(Action action) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    if (!channel.isOpen()) reopen();
                    action.run();
                    return;
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                }
            }
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    private void reopen() throws IOException {
        channel = open(file);
        for (Map.Entry<Long, Use> use : uses.entrySet()) {
            use.getValue().lock = channel.lock(use.getKey(), 1, /* shared= */ true);
        }
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
