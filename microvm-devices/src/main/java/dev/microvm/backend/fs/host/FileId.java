package dev.microvm.backend.fs.host;

import dev.microvm.linux.FileStat;
import org.jspecify.annotations.Nullable;

/**
 * What tells a file of the host from all others: its inode, when that was made, and its kind. Does
 * not change while it is a key.
 */
final class FileId {
    long device;
    int type; // FileStat.S_IFMT
    private long inode;
    private long born;

    /** Takes the identity of a file. */
    void set(FileStat stat) {
        device = stat.device();
        inode = stat.inode();
        born = stat.born();
        type = stat.type();
    }

    boolean is(FileStat stat) {
        return inode == stat.inode() && device == stat.device() && born == stat.born() && type == stat.type();
    }

    @Override
    public boolean equals(@Nullable Object other) {
        return other instanceof FileId file
                && inode == file.inode
                && device == file.device
                && born == file.born
                && type == file.type;
    }

    @Override
    public int hashCode() {
        return Long.hashCode(inode * 31 + device) ^ Long.hashCode(born);
    }
}
