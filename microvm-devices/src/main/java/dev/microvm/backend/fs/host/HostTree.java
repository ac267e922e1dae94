package dev.microvm.backend.fs.host;

import static dev.microvm.backend.fs.host.HostFlags.*;
import static dev.microvm.linux.Errno.EEXIST;
import static dev.microvm.linux.Errno.EINVAL;
import static dev.microvm.linux.Errno.EOPNOTSUPP;
import static dev.microvm.linux.Errno.EPERM;
import static dev.microvm.linux.Errno.EROFS;
import static dev.microvm.linux.Errno.ESTALE;

import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.limits.Budget;
import dev.microvm.linux.FileCalls;
import dev.microvm.linux.FileStat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;

/**
 * A directory of the host and all below it, as a guest uses it: by numbers of files and names in
 * directories. {@link #files} has what is done with open files.
 *
 * <p>The guest may be hostile, and so may whoever else changes the directory meanwhile. A name
 * leads one step down, never through a link, a dot-dot or a slash. Only regular files and
 * directories are opened, by a descriptor whose kind and identity were checked.
 *
 * <p>Results are as in {@link dev.microvm.linux.Libc}: a negative one is {@code -errno}. Names are C
 * strings. For one thread.
 */
public final class HostTree implements AutoCloseable {
    /** The number of the directory itself. */
    public static final long ROOT = NodeTable.ROOT_ID;

    private static final int PERMISSIONS = 0x1FF; // rwxrwxrwx
    private static final int STICKY = 0x200;
    private static final int SETTABLE = PERMISSIONS | STICKY; // no set-user-ID and set-group-ID
    private static final int RENAME_FLAGS = 0x3; // RENAME_NOREPLACE, RENAME_EXCHANGE: include/uapi/linux/fs.h
    private static final int RENAME_EXCHANGE = 0x2;
    private static final int INODE_SHIFT = 48; // bits of an inode's number that file systems rarely use

    private static final MemorySegment EMPTY = Arena.global().allocateFrom("");

    private final boolean readOnly;
    private final Nodes nodes;
    private final Owners owners = Owners.ofThisProcess();
    private final HostFiles files;
    private final FileStat before = new FileStat();
    private final FileStat replaced = new FileStat();

    /**
     * Opens a directory.
     *
     * @param budget of descriptors
     * @throws dev.microvm.error.MicroVmException if it cannot be opened
     */
    public HostTree(SharedDirectory directory, Budget budget) {
        Objects.requireNonNull(directory, "directory");
        Objects.requireNonNull(budget, "budget");
        readOnly = directory.isReadOnly();
        nodes = Nodes.at(directory.path().toAbsolutePath(), budget);
        files = new HostFiles(this, nodes, readOnly);
    }

    /** Open files. */
    public HostFiles files() {
        return files;
    }

    /** Owners as the guest sees them. */
    public Owners owners() {
        return owners;
    }

    /** Gives back descriptors that other machines need; called between requests. */
    public void giveBack() {
        nodes.cache().giveBack();
    }

    /** How many descriptors the guest has open, the root not counted. */
    public long descriptors() {
        return nodes.cache().count();
    }

    /** How many files the guest knows, the root counted. */
    public int known() {
        return nodes.size();
    }

    // ---- what there is

    /** Finds a file; returns its number, which the guest then knows until it forgets it. */
    public long lookup(long parent, MemorySegment name, FileStat stat) {
        return nodes.lookup(parent, name, stat);
    }

    /** The guest forgets so many lookups of a file. */
    public void forget(long id, long count) {
        nodes.forget(id, count);
    }

    /** Reads what a file is. */
    public int stat(long id, FileStat stat) {
        Node node = nodes.get(id);
        if (node == null) return -ESTALE;
        int fd = nodes.descriptor(node);
        return fd < 0 ? fd : stat.read(fd);
    }

    /** Returns the inode number that the guest sees, which is another one for each file system. */
    public long inode(FileStat stat) {
        return nodes.onRootsDevice(stat) ? stat.inode() : stat.inode() ^ (stat.device() << INODE_SHIFT);
    }

    /** Reads a symbolic link; returns how many bytes. */
    public long readLink(long id, MemorySegment to) {
        Node node = nodes.get(id);
        if (node == null) return -ESTALE;
        if (node.file.type != FileStat.S_IFLNK) return -EINVAL;
        int fd = nodes.descriptor(node);
        return fd < 0 ? fd : FileCalls.readlinkat(fd, EMPTY, to, to.byteSize());
    }

    /** Reads struct statfs. */
    public int statFs(long id, MemorySegment to) {
        Node node = nodes.get(id);
        if (node == null) return -ESTALE;
        int fd = nodes.descriptor(node);
        return fd < 0 ? fd : FileCalls.fstatfs(fd, to);
    }

    // ---- attributes

    /** Sets permissions; those that make a program run as its owner are dropped. */
    public int setMode(long id, int mode) {
        int fd = changeable(id);
        if (fd < 0) return fd;
        Node node = Objects.requireNonNull(nodes.get(id));
        return node.file.type == FileStat.S_IFLNK ? -EOPNOTSUPP : FileCalls.chmod(nodes.path(fd), mode & SETTABLE);
    }

    /** Sets owner and group as the guest sees them; -1 leaves one as it is. */
    public int setOwner(long id, int uid, int gid) {
        int fd = changeable(id);
        if (fd < 0) return fd;
        return FileCalls.fchownat(fd, EMPTY, owners.hostUid(uid), owners.hostGid(gid), AT_EMPTY_PATH);
    }

    /**
     * Sets when a file was read and changed.
     *
     * @param times two of struct timespec
     */
    public int setTimes(long id, MemorySegment times) {
        int fd = changeable(id);
        return fd < 0 ? fd : FileCalls.utimensat(FileCalls.AT_FDCWD, nodes.path(fd), times, 0);
    }

    private int changeable(long id) {
        if (readOnly) return -EROFS;
        Node node = nodes.get(id);
        return node == null ? -ESTALE : nodes.descriptor(node);
    }

    // ---- names that come

    /** Makes a directory; returns its number. */
    public long makeDirectory(long parent, MemorySegment name, int mode, int uid, int gid, FileStat stat) {
        int directory = changeable(parent, name);
        if (directory < 0) return directory;
        int done = FileCalls.mkdirat(directory, name, mode & SETTABLE);
        return done < 0 ? done : made(parent, name, mode, uid, gid, stat);
    }

    /** Makes a FIFO or an empty regular file; nothing else. Returns its number. */
    public long makeNode(long parent, MemorySegment name, int mode, int uid, int gid, FileStat stat) {
        int directory = changeable(parent, name);
        if (directory < 0) return directory;
        int done = switch (mode & FileStat.S_IFMT) {
            case FileStat.S_IFIFO -> FileCalls.mkfifoat(directory, name, mode & PERMISSIONS);
            case FileStat.S_IFREG, 0 -> HostFiles.makeEmpty(directory, name, mode & PERMISSIONS);
            default -> -EPERM; // devices and sockets are the guest's own matter
        };
        return done < 0 ? done : made(parent, name, mode, uid, gid, stat);
    }

    /** Makes a symbolic link; returns its number. */
    public long makeSymbolicLink(
            long parent, MemorySegment name, MemorySegment target, int uid, int gid, FileStat stat) {
        int directory = changeable(parent, name);
        if (directory < 0) return directory;
        int done = FileCalls.symlinkat(target, directory, name);
        return done < 0 ? done : made(parent, name, -1, uid, gid, stat);
    }

    /** Gives a file one more name; returns its number. */
    public long link(long id, long parent, MemorySegment name, FileStat stat) {
        int directory = changeable(parent, name);
        if (directory < 0) return directory;
        Node to = Objects.requireNonNull(nodes.get(parent));
        to.pins++;
        int fd = changeable(id);
        int done = fd < 0
                ? fd
                : FileCalls.linkat(FileCalls.AT_FDCWD, nodes.path(fd), nodes.descriptor(to), name, AT_SYMLINK_FOLLOW);
        to.pins--;
        return done < 0 ? done : nodes.lookup(parent, name, stat);
    }

    private int changeable(long parent, MemorySegment name) {
        int directory = nodes.directory(parent, name);
        return directory >= 0 && readOnly ? -EROFS : directory;
    }

    /**
     * Looks a new file up and gives it to whoever made it, with the permissions asked for, of which
     * this process's umask may have taken some; a mode below 0 leaves them as they are.
     */
    private long made(long parent, MemorySegment name, int mode, int uid, int gid, FileStat stat) {
        long id = nodes.lookup(parent, name, stat);
        if (id < 0) return id;
        int fd = nodes.descriptor(Objects.requireNonNull(nodes.get(id)));
        if (fd < 0) return keptOut(id, fd);
        boolean given = give(fd, uid, gid);
        boolean masked = mode >= 0 && (stat.mode() & SETTABLE) != (mode & SETTABLE);
        if (masked) {
            int inherited = stat.mode() & ~FileStat.S_IFMT & ~SETTABLE; // the group, from a directory to those below it
            FileCalls.chmod(nodes.path(fd), inherited | (mode & SETTABLE));
        }
        int done = given || masked ? stat.read(fd) : 0;
        return done < 0 ? keptOut(id, done) : id;
    }

    private long keptOut(long id, int error) {
        nodes.forget(id, 1);
        return error;
    }

    /** Gives a new file to a user of the guest, if this process can; returns whether it has tried. */
    boolean give(int fd, int uid, int gid) {
        if (!owners.privileged()) return false;
        FileCalls.fchownat(fd, EMPTY, uid, gid, AT_EMPTY_PATH);
        return true;
    }

    // ---- names that go

    /** Removes a name of a file that is no directory. */
    public int unlink(long parent, MemorySegment name) {
        int directory = changeable(parent, name);
        return directory < 0 ? directory : FileCalls.unlinkat(directory, name, 0);
    }

    /** Removes an empty directory. */
    public int removeDirectory(long parent, MemorySegment name) {
        int directory = changeable(parent, name);
        return directory < 0 ? directory : FileCalls.unlinkat(directory, name, AT_REMOVEDIR);
    }

    /**
     * Gives a file another name.
     *
     * @param flags RENAME_NOREPLACE and RENAME_EXCHANGE
     */
    public int rename(long parent, MemorySegment name, long newParent, MemorySegment newName, int flags) {
        if ((flags & ~RENAME_FLAGS) != 0) return -EINVAL;
        int wrong = changeable(parent, name);
        if (wrong < 0) return wrong;
        Node from = Objects.requireNonNull(nodes.get(parent));
        from.pins++;
        int done = rename(from, name, newParent, newName, flags);
        from.pins--;
        return done;
    }

    private int rename(Node from, MemorySegment name, long newParent, MemorySegment newName, int flags) {
        int target = changeable(newParent, newName);
        if (target < 0) return target;
        Node to = Objects.requireNonNull(nodes.get(newParent));
        int source = nodes.descriptor(from);
        if (source < 0) return source;
        boolean known = before.read(source, name) >= 0;
        boolean exchanged = (flags & RENAME_EXCHANGE) != 0 && replaced.read(target, newName) >= 0;
        int done = FileCalls.renameat2(source, name, target, newName, flags);
        if (done < 0) return done;
        if (known) nodes.moved(before, to, newName);
        if (exchanged) nodes.moved(replaced, from, name);
        return 0;
    }

    /** Returns whether a call failed because the file is there. */
    static boolean exists(long result) {
        return result == -EEXIST;
    }

    // ---- the end

    /** Closes what the guest has open and forgets what it knows; it may begin again. */
    public void clear() {
        files.clear();
        nodes.clear();
    }

    @Override
    public void close() {
        files.clear();
        nodes.close();
    }
}
