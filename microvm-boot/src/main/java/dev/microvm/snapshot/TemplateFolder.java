package dev.microvm.snapshot;

import dev.microvm.model.SnapshotException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Snapshots by their keys, in a folder with a limit on its size, which any number of processes may
 * share: a key is built once, and what was not used for longest goes first. Each key has a file whose
 * lock is that of the key and whose time says when it was last used. Any thread may call.
 */
public final class TemplateFolder {
    private static final String LOCK = ".lock";

    /** A lock of a file is the whole process's: these are for its threads. */
    private static final Map<Path, Object> BUILDING = new ConcurrentHashMap<>();

    private final Path folder;
    private final long limit;

    /**
     * Describes one; it is made when it is needed.
     *
     * @param limit bytes of all snapshots together, apart from the one that is asked for
     */
    public TemplateFolder(Path folder, long limit) {
        this.folder = folder.toAbsolutePath();
        this.limit = limit;
    }

    /**
     * Returns the snapshot of a key.
     *
     * @param builder writes it to a folder that is not there; called if there is no usable one, while
     *     others that ask for the same key wait
     * @throws SnapshotException if the folder cannot be used
     */
    public SnapshotFolder get(String key, Consumer<Path> builder) {
        Path snapshot = folder.resolve(key);
        Path lockFile = folder.resolve(key + LOCK);
        try {
            Files.createDirectories(folder);
            synchronized (BUILDING.computeIfAbsent(snapshot, any -> new Object())) {
                try (FileChannel channel =
                                FileChannel.open(lockFile, StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                        FileLock _ = channel.lock()) {
                    Files.setLastModifiedTime(lockFile, FileTime.from(Instant.now()));
                    SnapshotFolder found = usable(snapshot);
                    if (found != null) return found;
                    SnapshotFolder.delete(snapshot);
                    builder.accept(snapshot);
                    removeOthers(key);
                    return SnapshotFolder.open(snapshot);
                }
            }
        } catch (IOException e) {
            throw new SnapshotException("template: %s cannot be used: %s".formatted(folder, e), e);
        }
    }

    private static @Nullable SnapshotFolder usable(Path snapshot) {
        if (!Files.exists(snapshot)) return null;
        try {
            return SnapshotFolder.open(snapshot);
        } catch (SnapshotException e) {
            return null; // of another version, or damaged: it is built again
        }
    }

    private record Kept(String key, FileTime used) {}

    /** Removes what was not used for longest and nobody is building, until the limit is kept. */
    private void removeOthers(String built) throws IOException {
        List<Kept> all = new ArrayList<>();
        try (Stream<Path> files = Files.list(folder)) {
            for (Path each : files.toList()) {
                String name = each.getFileName().toString();
                if (!name.endsWith(LOCK)) continue;
                String key = name.substring(0, name.length() - LOCK.length());
                if (!key.equals(built)) all.add(new Kept(key, Files.getLastModifiedTime(each)));
            }
        }
        all.sort(Comparator.comparing(Kept::used).reversed());
        long size = 0;
        for (Kept each : all) {
            size += SnapshotFolder.size(folder.resolve(each.key));
            if (size > limit) size -= removeIfUnlocked(each.key);
        }
    }

    /** Returns how many bytes are gone. Machines that run from it keep what they have mapped. */
    private long removeIfUnlocked(String key) throws IOException {
        Path snapshot = folder.resolve(key);
        try (FileChannel channel = FileChannel.open(folder.resolve(key + LOCK), StandardOpenOption.WRITE);
                FileLock lock = channel.tryLock()) {
            if (lock == null) return 0;
            long size = SnapshotFolder.size(snapshot);
            SnapshotFolder.delete(snapshot);
            return size;
        } catch (OverlappingFileLockException e) { // a thread of this process builds it
            return 0;
        }
    }
}
