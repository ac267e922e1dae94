package dev.microvm.sandbox.root.source;

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
record TarEntry(String name, char type, long size, String linkName, int major, int minor, Metadata metadata) {
    static final char FILE = '0';
    static final char HARD_LINK = '1';
    static final char SYMLINK = '2';
    static final char CHARACTER_DEVICE = '3';
    static final char BLOCK_DEVICE = '4';
    static final char DIRECTORY = '5';
    static final char FIFO = '6';
}
