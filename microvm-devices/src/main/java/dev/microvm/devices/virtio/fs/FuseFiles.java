package dev.microvm.devices.virtio.fs;

import static dev.microvm.devices.virtio.fs.FuseProtocol.*;
import static dev.microvm.linux.Errno.EINTR;
import static dev.microvm.linux.Errno.EINVAL;

import dev.microvm.backend.fs.host.HostFiles;
import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.linux.FileStat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Requests about open files. Each method returns how many bytes of answer it wrote, or {@code
 * -errno}. Content moves between the file and the guest's memory without a copy.
 */
final class FuseFiles {
    private static final int NAME_SPACE = 4096;

    private final HostTree tree;
    private final HostFiles files;
    private final FileStat stat = new FileStat();
    private final MemorySegment name = Arena.ofAuto().allocate(NAME_SPACE);

    FuseFiles(HostTree tree) {
        this.tree = tree;
        files = tree.files();
    }

    long open(FuseRequest request) {
        if (!request.has(OPEN_IN, OPEN_OUT)) return -EINVAL;
        long handle = files.open(request.node(), request.getInt(OPEN_FLAGS));
        return handle < 0 ? handle : opened(request, 0, handle);
    }

    /** Writes struct fuse_open_out; returns where the answer ends. */
    static long opened(FuseRequest request, int at, long handle) {
        request.putLong(at + (long) OPEN_OUT_HANDLE, handle);
        request.putInt(at + (long) OPEN_OUT_FLAGS, 0); // what the guest has cached is read again
        request.putInt(at + (long) OPEN_OUT_BACKING, 0);
        return at + (long) OPEN_OUT;
    }

    long create(FuseRequest request) {
        if (!request.has(CREATE_IN, ENTRY_OUT + OPEN_OUT)) return -EINVAL;
        int end = request.text(CREATE_IN, name);
        if (end < 0) return end;
        int flags = request.getInt(CREATE_FLAGS);
        int mode = request.getInt(CREATE_MODE);
        long handle = files.create(request.node(), name, flags, mode, request.uid(), request.gid(), stat);
        if (handle < 0) return handle;
        request.putEntry(0, files.node(handle), stat, tree);
        return opened(request, ENTRY_OUT, handle);
    }

    long release(FuseRequest request) {
        return request.has(RELEASE_IN, 0) ? files.release(request.getLong(IO_HANDLE)) : -EINVAL;
    }

    long sync(FuseRequest request) {
        if (!request.has(FSYNC_IN, 0)) return -EINVAL;
        boolean dataOnly = (request.getInt(FSYNC_FLAGS) & FSYNC_DATA_ONLY) != 0;
        return files.sync(request.getLong(IO_HANDLE), dataOnly);
    }

    long read(FuseRequest request) {
        if (!request.has(IO_IN, 0)) return -EINVAL;
        long size = Integer.toUnsignedLong(request.getInt(IO_SIZE));
        if (size > Math.min(request.room(), FuseSession.MOST_BYTES)) return -EINVAL;
        long handle = request.getLong(IO_HANDLE);
        return move(request.out(), OUT_HEADER, size, handle, request.getLong(IO_OFFSET), Direction.TO_GUEST);
    }

    long write(FuseRequest request) {
        if (!request.has(IO_IN, WRITE_OUT)) return -EINVAL;
        long size = Integer.toUnsignedLong(request.getInt(IO_SIZE));
        if (size != request.in().length() - IN_HEADER - IO_IN || size > FuseSession.MOST_BYTES) return -EINVAL;
        boolean cached = (request.getInt(WRITE_FLAGS) & WRITE_CACHE) != 0;
        boolean append = !cached && (request.getInt(IO_OPEN_FLAGS) & O_APPEND) != 0;
        long done = move(
                request.in(),
                IN_HEADER + IO_IN,
                size,
                request.getLong(IO_HANDLE),
                request.getLong(IO_OFFSET),
                append ? Direction.TO_END : Direction.TO_FILE);
        return done < 0 ? done : moved(request, done);
    }

    private static long moved(FuseRequest request, long done) {
        request.putInt(WRITE_OUT_SIZE, (int) done);
        request.putInt(WRITE_OUT_PADDING, 0);
        return WRITE_OUT;
    }

    private enum Direction {
        TO_GUEST,
        TO_FILE,
        TO_END
    }

    /**
     * Moves bytes of guest memory from or to a file; returns how many. Pieces that lie side by side
     * are one call of Linux.
     */
    private long move(GuestBuffer buffer, int at, long size, long handle, long position, Direction direction) {
        long skip = at;
        long done = 0;
        for (int piece = 0; piece < buffer.pieces() && done < size; piece++) {
            if (skip >= buffer.length(piece)) {
                skip -= buffer.length(piece);
                continue;
            }
            MemorySegment segment = buffer.segment(piece);
            long offset = buffer.offset(piece) + skip;
            long length = buffer.length(piece) - skip;
            skip = 0;
            while (piece + 1 < buffer.pieces()
                    && buffer.segment(piece + 1).equals(segment)
                    && buffer.offset(piece + 1) == offset + length) {
                length += buffer.length(++piece);
            }
            length = Math.min(length, size - done);
            long n = transfer(handle, position + done, segment, offset, length, direction);
            if (n < 0) return done > 0 ? done : n;
            done += n;
            if (n < length) break;
        }
        return done;
    }

    /** Moves bytes of one piece; returns fewer than there are only if no more can be moved. */
    private long transfer(
            long handle, long position, MemorySegment segment, long offset, long length, Direction direction) {
        long done = 0;
        while (done < length) {
            long n = direction == Direction.TO_GUEST
                    ? files.read(handle, position + done, segment, offset + done, length - done)
                    : files.write(
                            handle,
                            position + done,
                            segment,
                            offset + done,
                            length - done,
                            direction == Direction.TO_END);
            if (n == -EINTR) continue;
            if (n < 0) return done > 0 ? done : n;
            if (n == 0) break;
            done += n;
        }
        return done;
    }

    long allocate(FuseRequest request) {
        if (!request.has(FALLOCATE_IN, 0)) return -EINVAL;
        return files.allocate(
                request.getLong(IO_HANDLE),
                request.getInt(FALLOCATE_MODE),
                request.getLong(FALLOCATE_OFFSET),
                request.getLong(FALLOCATE_LENGTH));
    }

    long seek(FuseRequest request) {
        if (!request.has(LSEEK_IN, LSEEK_OUT)) return -EINVAL;
        long position =
                files.seek(request.getLong(IO_HANDLE), request.getLong(LSEEK_OFFSET), request.getInt(LSEEK_WHENCE));
        if (position < 0) return position;
        request.putLong(0, position);
        return LSEEK_OUT;
    }

    long copy(FuseRequest request) {
        if (!request.has(COPY_IN, WRITE_OUT)) return -EINVAL;
        long done = files.copy(
                request.getLong(IO_HANDLE),
                request.getLong(COPY_OFFSET),
                request.getLong(COPY_TO_HANDLE),
                request.getLong(COPY_TO_OFFSET),
                request.getLong(COPY_LENGTH));
        return done < 0 ? done : moved(request, done);
    }
}
