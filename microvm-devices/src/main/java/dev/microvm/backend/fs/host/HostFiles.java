package dev.microvm.backend.fs.host;

import static dev.microvm.backend.fs.host.HostFlags.*;
import static dev.microvm.linux.Errno.EACCES;
import static dev.microvm.linux.Errno.EBADF;
import static dev.microvm.linux.Errno.EINVAL;
import static dev.microvm.linux.Errno.EISDIR;
import static dev.microvm.linux.Errno.ENFILE;
import static dev.microvm.linux.Errno.ENOTDIR;
import static dev.microvm.linux.Errno.EOPNOTSUPP;
import static dev.microvm.linux.Errno.EROFS;
import static dev.microvm.linux.Errno.ESTALE;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.microvm.linux.FileCalls;
import dev.microvm.linux.FileStat;
import dev.microvm.linux.Libc;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * The files and directories of a {@link HostTree} that a guest has open, by handle. Results and
 * threads are as there.
 */
public final class HostFiles {
    private static final int NEW_FILE = O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
    private static final int PERMISSIONS = 0x1FF;
    private static final int SEEK_SET = 0; // include/uapi/linux/fs.h
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;
    private static final int ALLOCATION_MODES = 0x13; // KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE: include/uapi/linux/falloc.h
    private static final long MOST_COPIED = 16 << 20; // bytes in one request, so that it has an end
    private static final MemorySegment DOT = Arena.global().allocateFrom(".");

    private final HostTree tree;
    private final Nodes nodes;
    private final boolean readOnly;
    private final OpenFiles open = new OpenFiles();
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment from = arena.allocate(JAVA_LONG);
    private final MemorySegment to = arena.allocate(JAVA_LONG);

    HostFiles(HostTree tree, Nodes nodes, boolean readOnly) {
        this.tree = tree;
        this.nodes = nodes;
        this.readOnly = readOnly;
    }

    // ---- open and close

    /**
     * Opens a regular file; returns its handle.
     *
     * @param flags of the guest's open(2), on x86-64
     */
    public long open(long id, int flags) {
        Node node = nodes.get(id);
        if (node == null) return -ESTALE;
        if (node.file.type == FileStat.S_IFDIR) return -EISDIR;
        if (node.file.type != FileStat.S_IFREG) return -EACCES; // a FIFO would wait, a device would act
        if (readOnly && (writes(flags) || (flags & O_TRUNC) != 0)) return -EROFS;
        int fd = nodes.descriptor(node);
        if (fd < 0) return fd;
        return opened(node, flags, reserve(node, FileCalls.AT_FDCWD, nodes.path(fd), hostFlags(flags)));
    }

    /** Opens a directory; returns its handle. */
    public long openDirectory(long id) {
        Node node = nodes.get(id);
        if (node == null) return -ESTALE;
        if (node.file.type != FileStat.S_IFDIR) return -ENOTDIR;
        int fd = nodes.descriptor(node);
        if (fd < 0) return fd;
        return opened(node, O_RDONLY, reserve(node, fd, DOT, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    }

    /**
     * Makes a regular file if it is not there, and opens it; returns its handle. Its number is that
     * of {@link #node}.
     */
    public long create(long parent, MemorySegment name, int flags, int mode, int uid, int gid, FileStat stat) {
        int directory = nodes.directory(parent, name);
        if (directory < 0) return directory;
        if (readOnly) return -EROFS;
        Node in = Objects.requireNonNull(nodes.get(parent));
        int fd = reserve(in, directory, name, hostFlags(flags) | NEW_FILE, mode & PERMISSIONS);
        if (HostTree.exists(fd) && (flags & O_EXCL) == 0) {
            long id = nodes.lookup(parent, name, stat);
            if (id < 0) return id;
            long handle = open(id, flags);
            if (handle < 0) nodes.forget(id, 1);
            return handle;
        }
        if (fd < 0) return fd;
        tree.give(fd, uid, gid);
        FileCalls.fchmod(fd, mode & PERMISSIONS); // of which this process's umask may have taken some
        int done = stat.read(fd);
        long id = done < 0 ? done : nodes.remember(in, name, stat);
        return id < 0 ? released(fd, id) : opened(Objects.requireNonNull(nodes.get(id)), flags, fd);
    }

    /** Makes an empty file; returns 0. */
    static int makeEmpty(int directory, MemorySegment name, int mode) {
        int fd = FileCalls.openat(directory, name, O_WRONLY | NEW_FILE, mode);
        return fd < 0 ? fd : Libc.close(fd);
    }

    /** Returns the number of the file that a handle is of, which must be there. */
    public long node(long handle) {
        return Objects.requireNonNull(open.get(handle)).node.id;
    }

    private int reserve(Node node, int directory, MemorySegment path, int flags) {
        return reserve(node, directory, path, flags, 0);
    }

    /** Opens a file within the budget; returns the descriptor. */
    private int reserve(Node inUse, int directory, MemorySegment path, int flags, int mode) {
        if (open.isFull()) return -ENFILE;
        inUse.pins++;
        boolean taken = nodes.cache().take();
        inUse.pins--;
        if (!taken) return -ENFILE;
        int fd = FileCalls.openat(directory, path, flags, mode);
        if (fd < 0) nodes.cache().give();
        return fd;
    }

    private long released(int fd, long error) {
        Libc.close(fd);
        nodes.cache().give();
        return error;
    }

    private long opened(Node node, int flags, int fd) {
        return fd < 0 ? fd : open.add(new OpenFile(node, fd, writes(flags), (flags & O_APPEND) != 0));
    }

    private static boolean writes(int flags) {
        return (flags & O_ACCMODE) != O_RDONLY;
    }

    /** Of the guest's flags those that are the host's matter. */
    private static int hostFlags(int flags) {
        int kept = flags & (O_ACCMODE | O_TRUNC | O_APPEND | O_SYNC);
        return kept | O_CLOEXEC | O_NOCTTY | O_NONBLOCK; // the last two are for what it cannot be
    }

    /** Closes a file or directory. */
    public int release(long handle) {
        OpenFile file = open.remove(handle);
        if (file == null) return -EBADF;
        nodes.cache().give();
        nodes.drop(file.node);
        return 0;
    }

    /** Closes all. */
    void clear() {
        for (int left = open.clear(); left > 0; left--) nodes.cache().give();
    }

    // ---- content

    private @Nullable OpenFile file(long handle) {
        OpenFile file = open.get(handle);
        return file == null || file.isDirectory() ? null : file;
    }

    private @Nullable OpenFile writable(long handle) {
        OpenFile file = file(handle);
        return file != null && file.writable ? file : null;
    }

    /** Reads at a position; returns how many bytes, 0 at the end of the file. */
    public long read(long handle, long position, MemorySegment into, long offset, long length) {
        OpenFile file = file(handle);
        return file == null ? -EBADF : Libc.pread(file.fd, into, offset, length, position);
    }

    /**
     * Writes at a position; returns how many bytes.
     *
     * @param append whether to write at the end instead, wherever that is by now
     */
    public long write(long handle, long position, MemorySegment bytes, long offset, long length, boolean append) {
        OpenFile file = writable(handle);
        if (file == null) return -EBADF;
        if (file.appends != append) { // pwrite(2): with O_APPEND the position is ignored
            int done = Libc.fcntl(file.fd, F_SETFL, append ? O_APPEND | O_NONBLOCK : O_NONBLOCK);
            if (done < 0) return done;
            file.appends = append;
        }
        return Libc.pwrite(file.fd, bytes, offset, length, position);
    }

    /** Cuts a file, or makes it longer; by its handle if that is of a file that may be written. */
    public int setSize(long id, long handle, long size) {
        if (readOnly) return -EROFS;
        OpenFile known = writable(handle);
        if (known != null) return Libc.ftruncate(known.fd, size);
        long own = open(id, O_WRONLY);
        if (own < 0) return (int) own;
        int done = Libc.ftruncate(Objects.requireNonNull(open.get(own)).fd, size);
        release(own);
        return done;
    }

    /** Puts what was written on the medium. */
    public int sync(long handle, boolean dataOnly) {
        OpenFile file = open.get(handle);
        if (file == null) return -EBADF;
        return dataOnly ? Libc.fdatasync(file.fd) : FileCalls.fsync(file.fd);
    }

    /** Takes or frees space: fallocate(2). */
    public int allocate(long handle, int mode, long offset, long length) {
        OpenFile file = writable(handle);
        if (file == null) return -EBADF;
        return (mode & ~ALLOCATION_MODES) != 0 ? -EOPNOTSUPP : Libc.fallocate(file.fd, mode, offset, length);
    }

    /** Finds the next data or hole; returns its position. */
    public long seek(long handle, long offset, int whence) {
        OpenFile file = file(handle);
        if (file == null) return -EBADF;
        return whence == SEEK_DATA || whence == SEEK_HOLE ? Libc.lseek(file.fd, offset, whence) : -EINVAL;
    }

    /** Copies from a file to another; returns how many bytes, which may be fewer. */
    public long copy(long handle, long position, long toHandle, long toPosition, long length) {
        OpenFile source = file(handle);
        OpenFile target = writable(toHandle);
        if (source == null || target == null || target.appends) return -EBADF;
        from.set(JAVA_LONG, 0, position);
        to.set(JAVA_LONG, 0, toPosition);
        long most = Long.compareUnsigned(length, MOST_COPIED) > 0 ? MOST_COPIED : length;
        return FileCalls.copyFileRange(source.fd, from, target.fd, to, most, 0);
    }

    // ---- directories

    /**
     * Reads entries of a directory, struct linux_dirent64, from a position on, which is 0 or that of
     * an entry; returns how many bytes, 0 at the end.
     */
    public long readDirectory(long handle, long position, MemorySegment entries, long length) {
        OpenFile directory = open.get(handle);
        if (directory == null || !directory.isDirectory()) return -EBADF;
        if (directory.position != position) {
            long at = Libc.lseek(directory.fd, position, SEEK_SET);
            if (at < 0) return at;
        }
        directory.position = -1; // until readTo says how far the guest has got
        return FileCalls.getdents(directory.fd, entries, length);
    }

    /** Notes the position at which the descriptor of a directory is. */
    public void readTo(long handle, long position) {
        OpenFile directory = open.get(handle);
        if (directory != null) directory.position = position;
    }
}
