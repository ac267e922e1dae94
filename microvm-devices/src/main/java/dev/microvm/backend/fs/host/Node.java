package dev.microvm.backend.fs.host;

import org.jspecify.annotations.Nullable;

/**
 * A file that the guest knows by a number. Where it was seen last, {@link #parent} and {@link
 * #name}, serves to open it; if another file is there by then, the guest gets ESTALE.
 */
final class Node {
    private static final int CLOSED = -1;

    final FileId file = new FileId();
    long id;

    @Nullable
    Node parent; // null for the root

    byte[] name = {};
    long lookups; // that the guest has not forgotten
    int children; // nodes whose parent this is

    @Nullable
    OpenFile files; // that are open

    int fd = CLOSED; // opened with O_PATH, while DescriptorCache keeps it
    int slot; // in that cache
    boolean recent; // its descriptor was used since the cache last looked
    int pins; // uses of the descriptor that are going on

    boolean isOpen() {
        return fd != CLOSED;
    }

    void closed() {
        fd = CLOSED;
    }
}
