package dev.microvm.backend.disk;

import dev.microvm.linux.LinuxHost;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.Optional;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * An image file, and how it is to be opened. Immutable and compared by value: each method returns a
 * changed copy. Opens nothing before {@link #open}.
 *
 * <pre>{@code
 * DiskImage root = DiskImage.qcow2(Path.of("vm.qcow2")).backing(DiskImage.raw(Path.of("debian.img")));
 * }</pre>
 */
public final class DiskImage {
    private static final Logger log = LoggerFactory.getLogger(DiskImage.class);

    /** The most images in a chain: each has tables in memory. */
    private static final int MOST_IMAGES = 64;

    private final Path path;
    private final ImageFormat format;
    private final boolean readOnly;
    private final CacheMode cache;
    private final @Nullable DiskImage backing;
    private final boolean alone; // without a backing image, whatever the header names
    private final long overlayLimit; // bytes; negative if there is no overlay

    private DiskImage(
            Path path,
            ImageFormat format,
            boolean readOnly,
            CacheMode cache,
            @Nullable DiskImage backing,
            boolean alone,
            long overlayLimit) {
        this.path = path;
        this.format = format;
        this.readOnly = readOnly;
        this.cache = cache;
        this.backing = backing;
        this.alone = alone;
        this.overlayLimit = overlayLimit;
    }

    /**
     * Describes an image in the given format. The format is never detected, because a guest can
     * write any header to its image.
     */
    public static DiskImage of(Path path, ImageFormat format) {
        Objects.requireNonNull(path, "path: null; give the path of the image file");
        Objects.requireNonNull(format, "format: null; give ImageFormat.RAW or ImageFormat.QCOW2");
        return new DiskImage(
                path,
                format,
                /* readOnly= */ false,
                CacheMode.WRITEBACK,
                null,
                /* alone= */ false,
                /* overlayLimit= */ -1);
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
        return new DiskImage(path, format, /* readOnly= */ true, cache, backing, alone, overlayLimit);
    }

    /** Sets the use of the host's page cache. Default: {@link CacheMode#WRITEBACK}. */
    public DiskImage cache(CacheMode mode) {
        Objects.requireNonNull(mode, "cache: null; give CacheMode.WRITEBACK or CacheMode.NONE");
        return new DiskImage(path, format, readOnly, mode, backing, alone, overlayLimit);
    }

    /**
     * Sets the backing image, which is only read. It is used whatever the header of this image
     * names, which may be a place where the file was before; a warning is logged if the header
     * names another file that is there, or another format. An image that names a backing file
     * cannot be opened without this or {@link #withoutBacking}.
     */
    public DiskImage backing(DiskImage below) {
        Objects.requireNonNull(below, "backing: null; give a DiskImage, or use withoutBacking()");
        return new DiskImage(path, format, readOnly, cache, below, /* alone= */ false, overlayLimit);
    }

    /**
     * Opens the image without a backing image, even if its header names one: what is not in the
     * image reads as zero. If it is written so, it must not be used with that backing file again.
     */
    public DiskImage withoutBacking() {
        return new DiskImage(path, format, readOnly, cache, null, /* alone= */ true, overlayLimit);
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
        if (limit < 0) throw new IllegalArgumentException("overlay: 0 or more bytes, was " + limit);
        return new DiskImage(path, format, readOnly, cache, backing, alone, limit);
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

    /** Returns whether {@link #readOnly} was called: an overlay above it may still be written. */
    public boolean isOpenedReadOnly() {
        return readOnly;
    }

    /** Returns whether {@link #withoutBacking} was called. */
    public boolean isAlone() {
        return alone;
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
        String unusable = FileKind.problem(path);
        if (unusable != null) {
            problems.add(name + unusable);
        } else if (!Files.isReadable(path)) {
            problems.add(name + "it cannot be read; let this user read it");
        } else if (!opensReadOnly() && !Files.isWritable(path)) {
            problems.add(name + "it cannot be written; make it writable, or open it read-only or with an overlay");
        }
        if (cache == CacheMode.NONE) {
            LinuxHost.problem()
                    .ifPresent(problem ->
                            problems.add(name + "cache=none is not possible: " + problem + "; use cache=writeback"));
        }
        if (backing != null) {
            if (format == ImageFormat.RAW) {
                problems.add(name + "a raw image has no backing file; leave backing() out, or use qcow2()");
            }
            if (backing.overlayLimit >= 0) {
                problems.add(name + "its backing file cannot have an overlay; put overlay() on this image instead");
            }
            if (chain().size() > MOST_IMAGES) {
                problems.add(name + tooManyImages());
                return problems; // each of them would be looked at, again and again
            }
            if (backing.chain().stream().anyMatch(below -> isSame(below.path, path))) {
                problems.add(name + "it is its own backing file; name another one in backing()");
            }
            problems.addAll(backing.readOnly().problems());
        }
        return problems;
    }

    /**
     * Returns a file that this image and another one cannot both have open, because one of them
     * writes it; empty if there is none.
     */
    public Optional<Path> fileSharedWith(DiskImage other) {
        Objects.requireNonNull(other, "other");
        List<DiskImage> mine = chain();
        List<DiskImage> others = other.chain();
        for (int i = 0; i < mine.size(); i++) {
            for (int j = 0; j < others.size(); j++) {
                boolean written = (i == 0 && !opensReadOnly()) || (j == 0 && !other.opensReadOnly());
                if (written && isSame(mine.get(i).path, others.get(j).path)) return Optional.of(mine.get(i).path);
            }
        }
        return Optional.empty();
    }

    /** Returns this image, which may be written, and those below it, which are only read. */
    private List<DiskImage> chain() {
        List<DiskImage> images = new ArrayList<>();
        for (DiskImage image = this; image != null; image = image.backing) images.add(image);
        return images;
    }

    private String tooManyImages() {
        return "it has %d backing files, but may have %d; merge some with qemu-img commit"
                .formatted(chain().size() - 1, MOST_IMAGES - 1);
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
        if (chain().size() > MOST_IMAGES) throw new BlockException("disk image " + path + ": " + tooManyImages());
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
        String unusable = FileKind.problem(path);
        if (unusable != null) throw new BlockException("disk image " + path + ": " + unusable);
        return switch (format) {
            case RAW -> openRaw(onlyRead);
            case QCOW2 -> openQcow2(onlyRead);
        };
    }

    private BlockBackend openRaw(boolean onlyRead) {
        if (backing != null) throw new BlockException("disk image " + path + ": a raw image has no backing file");
        RawImage image = RawImage.open(path, onlyRead, cache);
        if (image.looksLikeQcow2()) {
            log.warn(
                    "disk image {}: it is opened as raw, but begins like a qcow2 image: if it is one, use"
                            + " DiskImage.qcow2, or its guest finds QEMU's tables instead of its data",
                    path);
        }
        return image;
    }

    private BlockBackend openQcow2(boolean onlyRead) {
        ImageFile file = ImageFile.open(path, !onlyRead, cache);
        BlockBackend below = null;
        try {
            Qcow2Header header = Qcow2Header.read(file, !onlyRead);
            if (backing != null) BackingName.warnOfOther(path, header, backing);
            else if (!alone) BackingName.requireNone(path, header);
            if (backing != null) below = backing.openImage(/* onlyRead= */ true);
            return new Qcow2Image(file, header, onlyRead, below);
        } catch (RuntimeException e) {
            if (below != null) below.close();
            file.close();
            throw e;
        }
    }

    /** Returns whether two paths lead to one file. */
    static boolean isSame(Path one, Path other) {
        try {
            return one.equals(other) || Files.isSameFile(one, other);
        } catch (IOException e) { // one is not there
            return one.toAbsolutePath()
                    .normalize()
                    .equals(other.toAbsolutePath().normalize());
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
                && alone == that.alone
                && overlayLimit == that.overlayLimit;
    }

    @Override
    public int hashCode() {
        return Objects.hash(path, format, readOnly, cache, backing, alone, overlayLimit);
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(path.toString()).append(" (").append(format.text());
        if (readOnly) text.append(", read-only");
        if (overlayLimit >= 0) text.append(", overlay");
        if (cache == CacheMode.NONE) text.append(", cache=none");
        if (backing != null) text.append(", on ").append(backing);
        if (alone) text.append(", without backing");
        return text.append(')').toString();
    }
}
