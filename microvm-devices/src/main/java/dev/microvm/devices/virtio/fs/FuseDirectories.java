package dev.microvm.devices.virtio.fs;

import static dev.microvm.devices.virtio.fs.FuseProtocol.*;
import static dev.microvm.linux.Errno.EINVAL;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.microvm.backend.fs.host.HostFiles;
import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.linux.FileStat;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * Requests about open directories. Entries are read from Linux into a buffer and written for the
 * guest as far as there is room; what does not fit is read again by the next request.
 */
final class FuseDirectories {
    private static final int BUFFER = 32 << 10;
    private static final int PLUS_RATIO = 4; // an entry with attributes is at least so many times as long

    // struct linux_dirent64: getdents(2)
    private static final int HOST_INODE = 0;
    private static final int HOST_OFFSET = 8;
    private static final int HOST_LENGTH = 16;
    private static final int HOST_TYPE = 18;
    private static final int HOST_NAME = 19;
    private static final int LONGEST_HOST_ENTRY = 280; // with a name of 255 bytes

    private static final long UNKNOWN_INODE = 0xFFFF_FFFFL; // as libfuse has it: of "." and ".."

    private final HostTree tree;
    private final HostFiles files;
    private final FileStat stat = new FileStat();
    private final MemorySegment entries = Arena.ofAuto().allocate(BUFFER, Long.BYTES);

    FuseDirectories(HostTree tree) {
        this.tree = tree;
        files = tree.files();
    }

    long open(FuseRequest request) {
        if (!request.has(OPEN_IN, OPEN_OUT)) return -EINVAL;
        long handle = files.openDirectory(request.node());
        return handle < 0 ? handle : FuseFiles.opened(request, 0, handle);
    }

    long read(FuseRequest request, boolean plus) {
        if (!request.has(IO_IN, 0)) return -EINVAL;
        long room = Math.min(request.room(), Integer.toUnsignedLong(request.getInt(IO_SIZE)));
        long handle = request.getLong(IO_HANDLE);
        long position = request.getLong(IO_OFFSET);
        long wanted = Math.clamp(plus ? room / PLUS_RATIO : room, LONGEST_HOST_ENTRY, BUFFER);
        long read = files.readDirectory(handle, position, entries, wanted);
        if (read <= 0) return read;
        long at = 0;
        long done = 0;
        while (at < read) {
            long after = add(request, at, done, room, plus);
            if (after < 0) return done > 0 ? done : -EINVAL; // not even one fits
            done = after;
            position = entries.get(JAVA_LONG_UNALIGNED, at + HOST_OFFSET);
            at += Short.toUnsignedInt(entries.get(JAVA_SHORT_UNALIGNED, at + HOST_LENGTH));
        }
        files.readTo(handle, position);
        return done;
    }

    /** Writes an entry at a place of the answer; returns where it ends, or -1 if there is no room. */
    private long add(FuseRequest request, long entry, long at, long room, boolean plus) {
        MemorySegment name = entries.asSlice(entry + HOST_NAME);
        int length = 0;
        while (name.get(JAVA_BYTE, length) != 0) length++;
        long dirent = plus ? at + ENTRY_OUT : at;
        long nameEnd = dirent + DIRENT_NAME + length;
        long end = (nameEnd + DIRENT_ALIGNMENT - 1) & -DIRENT_ALIGNMENT;
        if (end > room) return -1;
        boolean dots = isDots(name, length);
        if (plus) putNode(request, at, name, dots);
        request.putLong(
                dirent + DIRENT_INODE, dots ? UNKNOWN_INODE : entries.get(JAVA_LONG_UNALIGNED, entry + HOST_INODE));
        request.putLong(dirent + DIRENT_OFFSET, entries.get(JAVA_LONG_UNALIGNED, entry + HOST_OFFSET));
        request.putInt(dirent + DIRENT_NAME_LENGTH, length);
        request.putInt(dirent + DIRENT_TYPE, entries.get(JAVA_BYTE, entry + HOST_TYPE));
        request.out().copyFrom(OUT_HEADER + dirent + DIRENT_NAME, name, 0, length);
        for (long pad = nameEnd; pad < end; pad++) request.putByte(pad, 0);
        return end;
    }

    private static boolean isDots(MemorySegment name, int length) {
        return name.get(JAVA_BYTE, 0) == '.' && (length == 1 || (length == 2 && name.get(JAVA_BYTE, 1) == '.'));
    }

    /** Writes what a lookup would; a node of 0 says that nothing was looked up. */
    private void putNode(FuseRequest request, long at, MemorySegment name, boolean dots) {
        long id = dots ? 0 : tree.lookup(request.node(), name, stat);
        if (id > 0) {
            request.putEntry(at, id, stat, tree);
            return;
        }
        for (long each = at; each < at + ENTRY_OUT; each += Long.BYTES) request.putLong(each, 0);
    }
}
