package dev.microvm.backend.fs.host;

import dev.microvm.linux.FileStat;
import org.jspecify.annotations.Nullable;

/** A file or directory that the guest has open. */
final class OpenFile {
    final Node node;
    final int fd;
    final boolean writable;
    boolean appends; // whether the descriptor has O_APPEND
    long position; // of a directory: what getdents64 continues at

    @Nullable
    OpenFile next; // of the same node

    OpenFile(Node node, int fd, boolean writable, boolean appends) {
        this.node = node;
        this.fd = fd;
        this.writable = writable;
        this.appends = appends;
        next = node.files;
        node.files = this;
    }

    boolean isDirectory() {
        return node.file.type == FileStat.S_IFDIR;
    }

    /** Takes it off its node's list. */
    void unlink() {
        if (node.files == this) {
            node.files = next;
            return;
        }
        for (OpenFile each = node.files; each != null; each = each.next) {
            if (each.next == this) each.next = next;
        }
    }
}
