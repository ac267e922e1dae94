package dev.microvm.sandbox.tar;

import dev.microvm.sandbox.root.tree.Metadata;

/**
 * An entry of a tar archive. Names are raw.
 *
 * @param name of the file
 * @param type as in the header, a digit; 0 to 6
 * @param size bytes of content that follow
 * @param linkName of links: where they lead
 * @param major number of a device
 * @param minor number of a device
 * @param metadata owner, permissions and so on
 */
public record TarEntry(String name, char type, long size, String linkName, int major, int minor, Metadata metadata) {
    public static final char FILE = '0';
    public static final char HARD_LINK = '1';
    public static final char SYMLINK = '2';
    public static final char CHARACTER_DEVICE = '3';
    public static final char BLOCK_DEVICE = '4';
    public static final char DIRECTORY = '5';
    public static final char FIFO = '6';

    TarEntry withSize(long bytes) {
        return new TarEntry(name, type, bytes, linkName, major, minor, metadata);
    }
}
