package dev.microvm.sandbox.root.tree;

/**
 * What a root may take at most, whatever an archive says. For one thread and one tree.
 *
 * <p>Names and depth are limited as Linux limits them.
 */
public final class TreeLimits {
    /** Bytes of one name: NAME_MAX of {@code <linux/limits.h>}. */
    public static final int NAME_LENGTH = 255;
    /** Bytes of a path or of a link's target: PATH_MAX of {@code <linux/limits.h>}, without its NUL. */
    public static final int PATH_LENGTH = 4095;
    /** Directories inside each other: as many as a path can name. */
    public static final int DEPTH = (PATH_LENGTH + 1) / 2;
    /** Bytes of all extended attributes of a file; so much fits behind an inode of EROFS. */
    public static final int ATTRIBUTES_LENGTH = 64 * 1024;

    private final long maxBytes;
    private final long maxFiles;
    private long bytes;
    private long files;

    /**
     * Sets the limits.
     *
     * @param maxBytes of all files together, also of those that a later layer replaces
     * @param maxFiles files of any type, also those that a later layer replaces
     */
    public TreeLimits(long maxBytes, long maxFiles) {
        this.maxBytes = maxBytes;
        this.maxFiles = maxFiles;
    }

    /** Counts a file; {@code name} is for the message. */
    void countFile(String name) {
        if (++files > maxFiles) {
            throw new RootContentException(
                    "there are more than %d files, the last is %s".formatted(maxFiles, RawName.text(name)),
                    "raise Root.limits if that is what you want");
        }
    }

    /**
     * Counts the content of a file before it is read.
     *
     * @throws RootContentException if it is more than what is left
     */
    public void countBytes(String name, long size) {
        if (size > maxBytes - bytes) {
            throw new RootContentException(
                    "%s has %d bytes, so that all files have more than %d"
                            .formatted(RawName.text(name), size, maxBytes),
                    "raise Root.limits if that is what you want");
        }
        bytes += size;
    }
}
