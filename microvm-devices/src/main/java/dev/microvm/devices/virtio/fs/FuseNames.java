package dev.microvm.devices.virtio.fs;

import static dev.microvm.devices.virtio.fs.FuseProtocol.*;
import static dev.microvm.linux.Errno.EINVAL;
import static java.lang.foreign.ValueLayout.JAVA_LONG;

import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.linux.FileStat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Requests about files by number and name. Each method returns how many bytes of answer it wrote, or
 * {@code -errno}.
 */
final class FuseNames {
    private static final int PATH_MAX = 4096; // include/uapi/linux/limits.h, its zero included

    // struct timespec: seconds, nanoseconds; two of them for utimensat(2)
    private static final int NANOSECONDS = 8;
    private static final int SECOND_TIME = 16;
    private static final int TIMES = 32;
    private static final long UTIME_NOW = 0x3fffffff; // include/linux/stat.h
    private static final long UTIME_OMIT = 0x3ffffffe;

    // struct statfs: include/uapi/asm-generic/statfs.h, on x86-64 and arm64
    private static final int HOST_BLOCK_SIZE = 8;
    private static final int HOST_BLOCKS = 16;
    private static final int HOST_FREE = 24;
    private static final int HOST_AVAILABLE = 32;
    private static final int HOST_FILES = 40;
    private static final int HOST_FILES_FREE = 48;
    private static final int HOST_NAME_LENGTH = 64;
    private static final int HOST_FRAGMENT = 72;
    private static final int HOST_STATFS = 120;

    private final HostTree tree;
    private final FileStat stat = new FileStat();
    private final Arena arena = Arena.ofAuto();
    private final MemorySegment name = arena.allocate(PATH_MAX);
    private final MemorySegment second = arena.allocate(PATH_MAX);
    private final MemorySegment times = arena.allocate(TIMES, Long.BYTES);
    private final MemorySegment statFs = arena.allocate(HOST_STATFS, Long.BYTES);

    FuseNames(HostTree tree) {
        this.tree = tree;
    }

    long lookup(FuseRequest request) {
        int end = begin(request, 0);
        return end < 0 ? end : entry(request, tree.lookup(request.node(), name, stat));
    }

    /** Reads the name after the arguments; room for an entry is what all answers that follow need. */
    private int begin(FuseRequest request, int arguments) {
        return request.has(arguments, ENTRY_OUT) ? request.text(arguments, name) : -EINVAL;
    }

    private long entry(FuseRequest request, long id) {
        if (id < 0) return id;
        request.putEntry(0, id, stat, tree);
        return ENTRY_OUT;
    }

    long forget(FuseRequest request) {
        if (request.in().length() < IN_HEADER + FORGET_IN) return -EINVAL;
        tree.forget(request.node(), request.getLong(FORGET_LOOKUPS));
        return 0;
    }

    long forgetMany(FuseRequest request) {
        if (request.in().length() < IN_HEADER + BATCH_IN) return -EINVAL;
        long present = (request.in().length() - IN_HEADER - BATCH_IN) / FORGET_ONE;
        long count = Math.min(present, Integer.toUnsignedLong(request.getInt(BATCH_COUNT)));
        for (int i = 0; i < count; i++) {
            int at = BATCH_IN + i * FORGET_ONE;
            tree.forget(request.getLong(at + ONE_NODE), request.getLong(at + ONE_LOOKUPS));
        }
        return 0;
    }

    // ---- attributes

    long attributes(FuseRequest request) {
        return request.has(GETATTR_IN, ATTR_OUT) ? attributeAnswer(request) : -EINVAL;
    }

    private long attributeAnswer(FuseRequest request) {
        int done = tree.stat(request.node(), stat);
        if (done < 0) return done;
        request.putAttributeAnswer(stat, tree);
        return ATTR_OUT;
    }

    long setAttributes(FuseRequest request) {
        if (!request.has(SETATTR_IN, ATTR_OUT)) return -EINVAL;
        int valid = request.getInt(SETATTR_VALID);
        long node = request.node();
        int done = 0;
        if ((valid & FATTR_MODE) != 0) done = tree.setMode(node, request.getInt(SETATTR_MODE));
        if (done >= 0 && (valid & (FATTR_UID | FATTR_GID)) != 0) {
            int uid = (valid & FATTR_UID) != 0 ? request.getInt(SETATTR_UID) : -1;
            int gid = (valid & FATTR_GID) != 0 ? request.getInt(SETATTR_GID) : -1;
            done = tree.setOwner(node, uid, gid);
        }
        if (done >= 0 && (valid & FATTR_SIZE) != 0) {
            long handle = (valid & FATTR_FH) != 0 ? request.getLong(SETATTR_HANDLE) : -1;
            done = tree.files().setSize(node, handle, request.getLong(SETATTR_SIZE));
        }
        if (done >= 0 && (valid & (FATTR_ATIME | FATTR_MTIME)) != 0) done = setTimes(request, valid);
        return done < 0 ? done : attributeAnswer(request);
    }

    private int setTimes(FuseRequest request, int valid) {
        time(
                0,
                valid,
                FATTR_ATIME,
                FATTR_ATIME_NOW,
                request.getLong(SETATTR_ATIME),
                request.getInt(SETATTR_ATIME_NANOS));
        time(
                SECOND_TIME,
                valid,
                FATTR_MTIME,
                FATTR_MTIME_NOW,
                request.getLong(SETATTR_MTIME),
                request.getInt(SETATTR_MTIME_NANOS));
        return tree.setTimes(request.node(), times);
    }

    private void time(int at, int valid, int given, int now, long seconds, int nanoseconds) {
        long fraction = Integer.toUnsignedLong(nanoseconds);
        if ((valid & given) == 0) fraction = UTIME_OMIT;
        else if ((valid & now) != 0) fraction = UTIME_NOW;
        times.set(JAVA_LONG, at, seconds);
        times.set(JAVA_LONG, at + NANOSECONDS, fraction);
    }

    // ---- names that come and go

    long makeDirectory(FuseRequest request) {
        int end = begin(request, MKDIR_IN);
        if (end < 0) return end;
        int mode = request.getInt(MKDIR_MODE);
        return entry(request, tree.makeDirectory(request.node(), name, mode, request.uid(), request.gid(), stat));
    }

    long makeNode(FuseRequest request) {
        int end = begin(request, MKNOD_IN);
        if (end < 0) return end;
        int mode = request.getInt(MKNOD_MODE);
        return entry(request, tree.makeNode(request.node(), name, mode, request.uid(), request.gid(), stat));
    }

    long makeSymbolicLink(FuseRequest request) {
        int end = begin(request, 0);
        if (end < 0) return end;
        int last = request.text(end, second);
        if (last < 0) return last;
        return entry(request, tree.makeSymbolicLink(request.node(), name, second, request.uid(), request.gid(), stat));
    }

    long link(FuseRequest request) {
        int end = begin(request, LINK_IN);
        return end < 0 ? end : entry(request, tree.link(request.getLong(LINK_NODE), request.node(), name, stat));
    }

    long unlink(FuseRequest request) {
        int end = request.text(0, name);
        return end < 0 ? end : tree.unlink(request.node(), name);
    }

    long removeDirectory(FuseRequest request) {
        int end = request.text(0, name);
        return end < 0 ? end : tree.removeDirectory(request.node(), name);
    }

    long rename(FuseRequest request, int arguments) {
        if (!request.has(arguments, 0)) return -EINVAL;
        int end = request.text(arguments, name);
        if (end < 0) return end;
        int last = request.text(end, second);
        if (last < 0) return last;
        int flags = arguments == RENAME2_IN ? request.getInt(RENAME2_FLAGS) : 0;
        return tree.rename(request.node(), name, request.getLong(RENAME_DIRECTORY), second, flags);
    }

    long readLink(FuseRequest request) {
        long done = tree.readLink(request.node(), name);
        if (done < 0) return done;
        if (done > request.room()) return -EINVAL;
        request.out().copyFrom(OUT_HEADER, name, 0, done);
        return done;
    }

    // ---- the file system

    long statFs(FuseRequest request) {
        if (!request.has(0, STATFS_OUT)) return -EINVAL;
        int done = tree.statFs(request.node(), statFs);
        if (done < 0) return done;
        request.putLong(STATFS_BLOCKS, statFs.get(JAVA_LONG, HOST_BLOCKS));
        request.putLong(STATFS_FREE, statFs.get(JAVA_LONG, HOST_FREE));
        request.putLong(STATFS_AVAILABLE, statFs.get(JAVA_LONG, HOST_AVAILABLE));
        request.putLong(STATFS_FILES, statFs.get(JAVA_LONG, HOST_FILES));
        request.putLong(STATFS_FILES_FREE, statFs.get(JAVA_LONG, HOST_FILES_FREE));
        request.putInt(STATFS_BLOCK_SIZE, (int) statFs.get(JAVA_LONG, HOST_BLOCK_SIZE));
        request.putInt(STATFS_NAME_LENGTH, (int) statFs.get(JAVA_LONG, HOST_NAME_LENGTH));
        request.putInt(STATFS_FRAGMENT, (int) statFs.get(JAVA_LONG, HOST_FRAGMENT));
        for (int at = STATFS_REST; at < STATFS_OUT; at += Integer.BYTES) request.putInt(at, 0);
        return STATFS_OUT;
    }
}
