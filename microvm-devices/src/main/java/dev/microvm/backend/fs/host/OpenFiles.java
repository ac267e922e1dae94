package dev.microvm.backend.fs.host;

import dev.microvm.linux.Libc;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** The files that the guest has open, by handle. Bounded; for one thread. */
final class OpenFiles {
    private static final int MOST = 8192;

    private final List<@Nullable OpenFile> files = new ArrayList<>();
    private final Deque<Integer> free = new ArrayDeque<>();

    boolean isFull() {
        return files.size() - free.size() >= MOST;
    }

    /** Adds a file; returns its handle. */
    long add(OpenFile file) {
        if (free.isEmpty()) {
            files.add(file);
            return files.size() - 1L;
        }
        int handle = free.pop();
        files.set(handle, file);
        return handle;
    }

    /** The file of a handle that the guest gave; null if there is none. */
    @Nullable
    OpenFile get(long handle) {
        return handle >= 0 && handle < files.size() ? files.get((int) handle) : null;
    }

    /** Closes a file and forgets its handle. */
    @Nullable
    OpenFile remove(long handle) {
        OpenFile file = get(handle);
        if (file == null) return null;
        files.set((int) handle, null);
        free.push((int) handle);
        close(file);
        return file;
    }

    private static void close(OpenFile file) {
        file.unlink();
        Libc.close(file.fd);
    }

    /** Closes all; returns how many there were. */
    int clear() {
        int open = files.size() - free.size();
        for (OpenFile file : files) {
            if (file != null) close(file);
        }
        files.clear();
        free.clear();
        return open;
    }
}
