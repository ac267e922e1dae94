package dev.microvm.backend.disk;

import dev.microvm.linux.LinuxHost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * An image file, and how it is to be opened. Immutable and compared by value: each method returns a
 * changed copy. Opens nothing before {@link #open}.
 *
 * <pre>{@code
 * DiskImage root = DiskImage.qcow2(Path.of("vm.qcow2")).backing(DiskImage.raw(Path.of("debian.img")));
 * }</pre>
 */
public final class DiskImage {
    private final Path path;
    private final ImageFormat format;
    private final boolean readOnly;
    private final CacheMode cache;
    private final @Nullable DiskImage backing;
    private final long overlayLimit; // bytes; negative if there is no overlay

    private DiskImage(
            Path path,
            ImageFormat format,
            boolean readOnly,
            CacheMode cache,
            @Nullable DiskImage backing,
            long overlayLimit) {
        this.path = Objects.requireNonNull(path);
        this.format = Objects.requireNonNull(format);
        this.readOnly = readOnly;
        this.cache = Objects.requireNonNull(cache);
        this.backing = backing;
        this.overlayLimit = overlayLimit;
    }

    /**
     * Describes an image in the given format. The format is never detected, because a guest can
     * write any header to its image.
     */
    public static DiskImage of(Path path, ImageFormat format) {
        return new DiskImage(path, format, /* readOnly= */ false, CacheMode.WRITEBACK, null, -1);
    }

    /** Describes a raw image or a block device. */
    public static DiskImage raw(Path path) {
        return of(path, ImageFormat.RAW);
    }

    /** Describes an image in QEMU's qcow2 format. */
    public static DiskImage qcow2(Path path) {
        return of(path, ImageFormat.QCOW2);
    }

    /** Opens the image for reading only. */
    public DiskImage readOnly() {
        return new DiskImage(path, format, /* readOnly= */ true, cache, backing, overlayLimit);
    }

    /** Sets the use of the host's page cache. Default: {@link CacheMode#WRITEBACK}. */
    public DiskImage cache(CacheMode mode) {
        return new DiskImage(path, format, readOnly, mode, backing, overlayLimit);
    }

    /**
     * Sets the backing image, which is only read. If a qcow2 image names a backing file, that must
     * be the file of {@code below}; otherwise {@link #open} refuses the image.
     */
    public DiskImage backing(DiskImage below) {
        return new DiskImage(path, format, readOnly, cache, below, overlayLimit);
    }

    /** Keeps all writes in memory, without a limit. The file is only read. */
    public DiskImage overlay() {
        return overlay(Long.MAX_VALUE);
    }

    /**
     * Keeps all writes in memory, in at most {@code limit} bytes. The file is only read. Writes
     * beyond the limit fail.
     *
     * @param limit bytes of memory, 0 or more
     * @throws IllegalArgumentException if the limit is negative
     */
    public DiskImage overlay(long limit) {
        if (limit < 0) throw new IllegalArgumentException("limit: 0 or more bytes, was " + limit);
        return new DiskImage(path, format, readOnly, cache, backing, limit);
    }

    /** Returns the file. */
    public Path path() {
        return path;
    }

    /** Returns the format. */
    public ImageFormat format() {
        return format;
    }

    /** Returns whether the disk cannot be written. A disk with an overlay can always be written. */
    public boolean isReadOnly() {
        return readOnly && overlayLimit < 0;
    }

    /** Returns the use of the host's page cache. */
    public CacheMode cache() {
        return cache;
    }

    /** Returns the backing image; empty if none was set. */
    public Optional<DiskImage> backing() {
        return Optional.ofNullable(backing);
    }

    /** Returns the maximum size of the overlay in bytes; empty without an overlay. */
    public OptionalLong overlayLimit() {
        return overlayLimit < 0 ? OptionalLong.empty() : OptionalLong.of(overlayLimit);
    }

    /**
     * Returns the problems of this description that can be found without opening a file, each with
     * its remedy; empty if there is none.
     */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        String name = "disk image " + path + ": ";
        if (!Files.exists(path)) {
            problems.add(name + "there is no such file");
        } else if (Files.isDirectory(path)) {
            problems.add(name + "it is a directory");
        } else if (!Files.isReadable(path)) {
            problems.add(name + "it cannot be read");
        } else if (!opensReadOnly() && !Files.isWritable(path)) {
            problems.add(name + "it cannot be written; make it writable, or open it read-only or with an overlay");
        }
        if (cache == CacheMode.NONE) {
            LinuxHost.problem()
                    .ifPresent(problem ->
                            problems.add(name + "cache=none is not possible: " + problem + "; use cache=writeback"));
        }
        if (backing != null) {
            if (format == ImageFormat.RAW) problems.add(name + "a raw image has no backing file");
            if (backing.overlayLimit >= 0) problems.add(name + "its backing file cannot have an overlay");
            problems.addAll(backing.readOnly().problems());
        }
        return problems;
    }

    private boolean opensReadOnly() {
        return readOnly || overlayLimit >= 0;
    }

    /**
     * Opens the image and its backing images, and locks their files against other machines and
     * programs.
     *
     * @throws BlockException if one cannot be opened, is in use, does not have its format or needs
     *     a feature that is not supported
     */
    public BlockBackend open() {
        BlockBackend image = openImage(opensReadOnly());
        if (overlayLimit < 0) return image;
        try {
            return new RamOverlay(image, overlayLimit);
        } catch (RuntimeException e) {
            image.close();
            throw e;
        }
    }

    private BlockBackend openImage(boolean onlyRead) {
        return switch (format) {
            case RAW -> openRaw(onlyRead);
            case QCOW2 -> openQcow2(onlyRead);
        };
    }

    private BlockBackend openRaw(boolean onlyRead) {
        if (backing != null) throw new BlockException("disk image " + path + ": a raw image has no backing file");
        return RawImage.open(path, onlyRead, cache);
    }

    private BlockBackend openQcow2(boolean onlyRead) {
        ImageFile file = ImageFile.open(path, !onlyRead, cache);
        BlockBackend below = null;
        try {
            Qcow2Header header = Qcow2Header.read(file, !onlyRead);
            checkBacking(header);
            if (backing != null) below = backing.openImage(/* onlyRead= */ true);
            return new Qcow2Image(file, header, onlyRead, below);
        } catch (RuntimeException e) {
            if (below != null) below.close();
            file.close();
            throw e;
        }
    }

    /** Checks that the header names no backing file other than the one of this description. */
    private void checkBacking(Qcow2Header header) {
        String named = header.backingName();
        String name = "disk image " + path + ": ";
        if (named == null) {
            if (backing != null) throw new BlockException(name + "it has no backing file; do not name one");
            return;
        }
        if (backing == null) {
            throw new BlockException(name
                    + "it names a backing file, \"%s\"%s; if that is right, give it to backing(), with its format"
                            .formatted(
                                    named, header.backingFormat() == null ? "" : " (" + header.backingFormat() + ")"));
        }
        if (!isBacking(named)) {
            throw new BlockException(
                    name + "it names the backing file \"%s\", but %s was given".formatted(named, backing.path));
        }
        String format = header.backingFormat();
        if (format != null && !format.equals(backing.format.text())) {
            throw new BlockException(name
                    + "it says that its backing file is in format \"%s\", but %s was given"
                            .formatted(format, backing.format.text()));
        }
    }

    /**
     * Returns whether a name in the header, relative to the folder of the image, is the backing
     * file of this description.
     */
    private boolean isBacking(String named) {
        try {
            Path resolved = path.toAbsolutePath().resolveSibling(named);
            return backing != null && Files.exists(resolved) && Files.isSameFile(resolved, backing.path);
        } catch (IOException | InvalidPathException e) {
            return false;
        }
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof DiskImage that
                && path.equals(that.path)
                && format == that.format
                && readOnly == that.readOnly
                && cache == that.cache
                && Objects.equals(backing, that.backing)
                && overlayLimit == that.overlayLimit;
    }

    @Override
    public int hashCode() {
        return Objects.hash(path, format, readOnly, cache, backing, overlayLimit);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(path.toString()).append(" (").append(format.text());
        if (readOnly) text.append(", read-only");
        if (overlayLimit >= 0) text.append(", overlay");
        if (cache == CacheMode.NONE) text.append(", cache=none");
        if (backing != null) text.append(", on ").append(backing);
        return text.append(')').toString();
    }
}
