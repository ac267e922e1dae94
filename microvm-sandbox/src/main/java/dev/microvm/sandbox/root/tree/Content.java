package dev.microvm.sandbox.root.tree;

/**
 * Where a file's bytes are in the image.
 *
 * @param block the first block's number; of no meaning if the size is 0
 * @param size in bytes
 */
public record Content(long block, long size) {
    /** No bytes at all. */
    public static final Content EMPTY = new Content(0, 0);
}
