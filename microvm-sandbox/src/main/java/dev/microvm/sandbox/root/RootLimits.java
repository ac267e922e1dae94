package dev.microvm.sandbox.root;

/**
 * What an archive or image may unpack to. A hostile one of a few kilobytes could fill any disk.
 *
 * @param bytes of all files together, also those that later layers replace; above 0
 * @param files of any type, also those that later layers replace; above 0
 */
public record RootLimits(long bytes, long files) {
    /** 64 GiB and 4 million files: more than images have. */
    public static final RootLimits STANDARD = new RootLimits(64L << 30, 4_000_000);

    /** @throws IllegalArgumentException if a limit is not above 0 */
    public RootLimits {
        if (bytes <= 0) throw new IllegalArgumentException("bytes: must be above 0, was " + bytes);
        if (files <= 0) throw new IllegalArgumentException("files: must be above 0, was " + files);
    }
}
