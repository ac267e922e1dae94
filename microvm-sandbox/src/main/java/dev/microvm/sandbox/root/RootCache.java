package dev.microvm.sandbox.root;

import java.nio.file.Path;
import java.util.Objects;

/**
 * Where prepared roots and fetched layers are kept, and how much of them. Several processes may
 * share a folder.
 *
 * @param folder made when it is needed
 * @param imagesLimit bytes of prepared roots; what was not used for longest goes first, what a
 *     machine uses stays
 * @param layersLimit bytes of layers as registries have them
 */
public record RootCache(Path folder, long imagesLimit, long layersLimit) {
    /** Sets the folder of {@link #standard}. */
    public static final String FOLDER_PROPERTY = "microvm.root.cache";

    private static final long STANDARD_LIMIT = 10L << 30;

    /** @throws IllegalArgumentException if a limit is negative */
    public RootCache {
        Objects.requireNonNull(folder, "folder");
        if (imagesLimit < 0) throw new IllegalArgumentException("imagesLimit: 0 or more bytes, was " + imagesLimit);
        if (layersLimit < 0) throw new IllegalArgumentException("layersLimit: 0 or more bytes, was " + layersLimit);
    }

    /** Describes a cache of 10 GiB of images and as much of layers. */
    public static RootCache at(Path folder) {
        return new RootCache(folder, STANDARD_LIMIT, STANDARD_LIMIT);
    }

    /**
     * Returns the one of this user: the system property {@code microvm.root.cache}, or {@code
     * microvm/roots} in {@code $XDG_CACHE_HOME} or {@code ~/.cache}.
     */
    public static RootCache standard() {
        String folder = System.getProperty(FOLDER_PROPERTY);
        if (folder != null) return at(Path.of(folder));
        String caches = System.getenv("XDG_CACHE_HOME");
        Path base = caches == null || caches.isEmpty()
                ? Path.of(System.getProperty("user.home"), ".cache")
                : Path.of(caches);
        return at(base.resolve("microvm").resolve("roots"));
    }
}
