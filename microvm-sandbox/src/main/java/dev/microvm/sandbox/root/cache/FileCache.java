package dev.microvm.sandbox.root.cache;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.ConcurrentHashMap;
import java.util.stream.Stream;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Files by their keys, in a folder with a limit on its size. What was not used for longest goes
 * first; what is in use stays. A file appears under its name only when it is complete, so any number
 * of processes may share the folder. Thread-safe.
 */
public final class FileCache {
    private static final Logger log = LoggerFactory.getLogger(FileCache.class);

    private static final String PART = ".part"; // of names of files that are not complete
    private static final Duration ABANDONED = Duration.ofHours(24); // after its last write, nobody completes a part
    private static final Map<Path, Object> MAKING = new ConcurrentHashMap<>();

    private final Path folder;
    private final long limit;

    /** A file that is in use until it is closed. */
    public final class Use implements AutoCloseable {
        private final String key;
        private final boolean found;
        private boolean closed;

        private Use(String key, boolean found) {
            this.key = key;
            this.found = found;
        }

        /** Returns the file. */
        public Path file() {
            return folder.resolve(key);
        }

        /** Returns whether it was there already. */
        public boolean found() {
            return found;
        }

        @Override
        public synchronized void close() {
            if (closed) return;
            closed = true;
            try {
                locks().release(key);
            } catch (IOException e) {
                log.warn("{}: its lock cannot be released: {}", file(), e.toString());
            }
        }
    }

    /** Writes the content of a file. */
    public interface Maker {
        /** Writes it to {@code part}, an empty file. */
        void make(Path part) throws IOException;
    }

    /**
     * Describes a cache; the folder is made when it is needed.
     *
     * @param limit bytes of all files together, without those in use
     */
    public FileCache(Path folder, long limit) {
        this.folder = folder;
        this.limit = limit;
    }

    /**
     * Returns the file of a key, and makes it if it is not there.
     *
     * @param key a file name
     * @throws RootContentException if the folder cannot be used
     */
    public Use get(String key, Maker maker) {
        try {
            Files.createDirectories(folder);
            Optional<Use> there = find(key);
            if (there.isPresent()) return there.get();
            Path file = folder.resolve(key);
            synchronized (MAKING.computeIfAbsent(file.toAbsolutePath(), any -> new Object())) {
                there = find(key);
                return there.isPresent() ? there.get() : make(key, maker);
            }
        } catch (IOException e) {
            throw new RootContentException(
                    "the cache folder %s cannot be used: %s".formatted(folder, e),
                    "make room there, or choose another folder",
                    e);
        }
    }

    /** Returns the file of a key if it is there. */
    public Optional<Use> find(String key) throws IOException {
        if (!Files.exists(folder.resolve(key))) return Optional.empty();
        locks().use(key);
        try {
            // The time of its last use; that of its last write stays, because others know it by that.
            Files.getFileAttributeView(folder.resolve(key), BasicFileAttributeView.class)
                    .setTimes(null, FileTime.from(Instant.now()), null);
            return Optional.of(new Use(key, /* found= */ true));
        } catch (NoSuchFileException e) { // removed just before it was locked
            locks().release(key);
            return Optional.empty();
        }
    }

    private Use make(String key, Maker maker) throws IOException {
        Path part = Files.createFile(folder.resolve(key + "." + UUID.randomUUID() + PART));
        try {
            maker.make(part);
            locks().use(key); // before others see it, so that nobody removes it
            moveTo(folder.resolve(key), part);
        } finally {
            Files.deleteIfExists(part);
        }
        removeUnused();
        return new Use(key, /* found= */ false);
    }

    private static void moveTo(Path file, Path part) throws IOException {
        try {
            Files.move(part, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
        } catch (FileAlreadyExistsException e) {
            log.debug("{}: another process was faster", file);
        }
    }

    private CacheLocks locks() throws IOException {
        return CacheLocks.of(folder);
    }

    /** Removes files that are not in use, the longest unused first, until the limit is kept. */
    private void removeUnused() throws IOException {
        List<Kept> files = files();
        long size = files.stream().mapToLong(Kept::size).sum();
        for (Kept file : files) {
            boolean abandoned = file.isPart() && file.used().plus(ABANDONED).isBefore(Instant.now());
            if (abandoned) Files.deleteIfExists(file.path());
            if (size <= limit || file.isPart()) continue;
            locks().ifUnused(file.path().getFileName().toString(), () -> Files.deleteIfExists(file.path()));
            if (!Files.exists(file.path())) size -= file.size();
        }
    }

    /** A file of the folder, and when it was last used. */
    private record Kept(Path path, long size, Instant used) {
        boolean isPart() {
            return path.toString().endsWith(PART);
        }
    }

    private List<Kept> files() throws IOException {
        List<Kept> files = new ArrayList<>();
        try (Stream<Path> all = Files.list(folder)) {
            for (Path path : all.toList()) {
                if (path.endsWith(CacheLocks.FILE)) continue;
                try {
                    BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
                    if (!attributes.isRegularFile()) continue;
                    boolean isPart = path.toString().endsWith(PART);
                    FileTime used = isPart ? attributes.lastModifiedTime() : attributes.lastAccessTime();
                    files.add(new Kept(path, attributes.size(), used.toInstant()));
                } catch (NoSuchFileException e) {
                    log.debug("{}: another process removed it", path);
                }
            }
        }
        files.sort(Comparator.comparing(Kept::used));
        return files;
    }
}
