package dev.microvm.sandbox.root;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.boot.Initramfs;
import dev.microvm.sandbox.root.cache.FileCache;
import dev.microvm.sandbox.root.erofs.ErofsImage;
import dev.microvm.sandbox.root.tree.FileTree;
import dev.microvm.sandbox.root.tree.RootContentException;
import dev.microvm.sandbox.root.tree.TreeLimits;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Objects;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;

/**
 * The root file system of a guest, from whatever there is. Immutable: each method returns a changed
 * copy. Reads nothing before {@link #prepare}.
 *
 * <pre>{@code
 * Root root = Root.tar(Path.of("debian.tar.xz"));
 * try (PreparedRoot prepared = root.prepare()) { ... }
 * }</pre>
 *
 * <p>Directories and archives become a read-only EROFS image in the {@linkplain RootCache cache}, in
 * one pass and without rights on the host; what was prepared before is found there. By default the
 * guest can change its root, and its changes are in memory and gone with it.
 */
public final class Root {
    private static final String IMAGE_SUFFIX = ".erofs";
    /** Changes whenever equal sources make other images, so that old ones are not found any more. */
    private static final String IMAGE_VERSION = "1-";

    private final String description;
    private final @Nullable Supplier<RootSource> source; // null if there is nothing to make
    private final @Nullable DiskImage disk;
    private final @Nullable Initramfs initramfs;
    private final Changes changes;
    private final RootCache cache;
    private final RootLimits limits;

    private Root(
            String description,
            @Nullable Supplier<RootSource> source,
            @Nullable DiskImage disk,
            @Nullable Initramfs initramfs,
            Changes changes,
            RootCache cache,
            RootLimits limits) {
        this.description = description;
        this.source = source;
        this.disk = disk;
        this.initramfs = initramfs;
        this.changes = changes;
        this.cache = cache;
        this.limits = limits;
    }

    private static Root made(String description, Supplier<RootSource> source) {
        return new Root(description, source, null, null, Changes.IN_MEMORY, RootCache.standard(), RootLimits.STANDARD);
    }

    /**
     * A copy of a directory of the host, with owners, permissions, times and links as they are.
     * What is mounted below it on other file systems is left out.
     */
    public static Root directory(Path directory) {
        Objects.requireNonNull(directory, "directory");
        return made("Root.directory(" + directory + ")", () -> new DirectoryRoot(directory));
    }

    /** A tar archive: plain, or compressed by gzip, zstd, xz or bzip2. */
    public static Root tar(Path archive) {
        Objects.requireNonNull(archive, "archive");
        return made("Root.tar(" + archive + ")", () -> new TarRoot(archive));
    }

    /**
     * A disk with a file system of its own. The image says what becomes of changes: {@link
     * DiskImage#overlay()} keeps them in memory, {@link DiskImage#readOnly()} refuses them,
     * otherwise they are kept in the image.
     */
    public static Root disk(DiskImage image) {
        Objects.requireNonNull(image, "image");
        Changes changes = image.overlayLimit().isPresent()
                ? Changes.IN_MEMORY
                : image.isReadOnly() ? Changes.REFUSED : Changes.IN_FILE;
        return new Root(
                "Root.disk(" + image + ")", null, image, null, changes, RootCache.standard(), RootLimits.STANDARD);
    }

    /** An initial file system, which is the root by itself. */
    public static Root initramfs(Initramfs files) {
        Objects.requireNonNull(files, "files");
        return new Root(
                "Root.initramfs", null, null, files, Changes.IN_MEMORY, RootCache.standard(), RootLimits.STANDARD);
    }

    /** An initial file system in a file: cpio archives, compressed or not. */
    public static Root initramfs(Path file) {
        return initramfs(Initramfs.builder().base(file).build());
    }

    /**
     * Makes the root read-only.
     *
     * @throws IllegalStateException if it is an initial file system
     */
    public Root readOnly() {
        if (initramfs != null) throw new IllegalStateException(description + ": it is in memory, which can be written");
        return new Root(
                description, source, disk == null ? null : disk.readOnly(), null, Changes.REFUSED, cache, limits);
    }

    /** Keeps changes in memory, gone with the machine: the default, but for disks. */
    public Root changesInMemory() {
        return new Root(
                description, source, disk == null ? null : disk.overlay(), initramfs, Changes.IN_MEMORY, cache, limits);
    }

    /** Sets where prepared roots are kept. Default: {@link RootCache#standard}. */
    public Root cache(RootCache where) {
        Objects.requireNonNull(where, "where");
        return new Root(description, source, disk, initramfs, changes, where, limits);
    }

    /** Sets what it may unpack to. Default: {@link RootLimits#STANDARD}. */
    public Root limits(RootLimits to) {
        Objects.requireNonNull(to, "to");
        return new Root(description, source, disk, initramfs, changes, cache, to);
    }

    /**
     * Makes the root ready for a machine, or finds it in the cache.
     *
     * @throws RootException if it cannot be read, is hostile or too large
     */
    public PreparedRoot prepare() {
        try {
            if (disk != null) return PreparedRoot.disk(disk, changes);
            if (initramfs != null) return PreparedRoot.initramfs(initramfs);
            return layered(Objects.requireNonNull(source).get());
        } catch (RootContentException e) {
            throw new RootException(description, e);
        }
    }

    private PreparedRoot layered(RootSource from) {
        FileCache images = new FileCache(cache.folder().resolve("images"), cache.imagesLimit());
        FileCache.Use image = images.get(IMAGE_VERSION + from.key() + IMAGE_SUFFIX, part -> write(from, part));
        DiskImage file = DiskImage.raw(image.file()).readOnly();
        return PreparedRoot.layered(file, changes, from.config(), image.found(), image::close);
    }

    private void write(RootSource from, Path part) throws IOException {
        try (FileChannel file = FileChannel.open(part, StandardOpenOption.WRITE)) {
            ErofsImage image = new ErofsImage(file);
            TreeLimits treeLimits = new TreeLimits(limits.bytes(), limits.files());
            FileTree tree = new FileTree(image, treeLimits);
            from.read(tree, image, treeLimits);
            image.finish(tree.root());
            file.force(/* metaData= */ false); // before it gets its name: a crash of the host leaves no broken image
        }
    }

    @Override
    public String toString() {
        return description + ", changes " + changes;
    }
}
