package dev.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * A file that exists in memory only: memfd_create(2). Its size is sealed, so that no process can
 * remove pages that another has mapped. Closing the file does not affect its mappings.
 */
public final class MemoryFile implements AutoCloseable {
    // include/uapi/linux/memfd.h
    private static final int MFD_CLOEXEC = 0x1;
    private static final int MFD_ALLOW_SEALING = 0x2;

    // include/uapi/linux/fcntl.h
    private static final int F_ADD_SEALS = 1033;
    private static final int F_SEAL_SHRINK = 0x2;
    private static final int F_SEAL_GROW = 0x4;
    private static final int F_SEAL_FUTURE_WRITE = 0x10;

    // include/uapi/linux/fs.h
    private static final int SEEK_DATA = 3;
    private static final int SEEK_HOLE = 4;

    private final FileDescriptor fd;
    private final long size;

    private MemoryFile(FileDescriptor fd, long size) {
        this.fd = fd;
        this.size = size;
    }

    /**
     * Makes a file of zeros that takes memory only where it is touched.
     *
     * @param name name to show in /proc/PID/maps and /proc/PID/fd
     * @param size size in bytes
     * @throws ErrnoException if the host refuses
     */
    public MemoryFile(String name, long size) {
        this.size = size;
        fd = new FileDescriptor(Libc.check("memfd_create", Libc.memfdCreate(name, MFD_CLOEXEC | MFD_ALLOW_SEALING)));
        try {
            Libc.check("ftruncate(%d bytes)".formatted(size), Libc.ftruncate(fd.value(), size));
            Libc.check("fcntl(F_ADD_SEALS)", Libc.fcntl(fd.value(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW));
        } catch (ErrnoException e) {
            fd.close();
            throw e;
        }
    }

    /**
     * Opens one by its {@link #path}; closing either does not close the other.
     *
     * @throws ErrnoException if the host refuses
     */
    public static MemoryFile open(Path path, long size) {
        return new MemoryFile(FileDescriptor.openReadWrite(path.toString()), size);
    }

    /**
     * Lets nobody write the file from now on, except through mappings that are there already.
     *
     * @throws ErrnoException if the host refuses
     */
    public void seal() {
        Libc.check("fcntl(F_ADD_SEALS)", Libc.fcntl(fd.value(), F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
    }

    /**
     * Returns the pages that were touched; all others read as zero.
     *
     * @throws ErrnoException if the host does not say it
     */
    public BitSet written() {
        long page = PageMap.pageSize();
        BitSet written = new BitSet();
        for (long at = 0; at < size; ) {
            long from = Libc.lseek(fd.value(), at, SEEK_DATA);
            if (from == -Errno.ENXIO) break; // no data after that
            if (from < 0) throw new ErrnoException("lseek(SEEK_DATA)", (int) -from);
            at = Libc.lseek(fd.value(), from, SEEK_HOLE);
            if (at < 0) throw new ErrnoException("lseek(SEEK_HOLE)", (int) -at);
            written.set((int) (from / page), (int) ((at + page - 1) / page));
        }
        return written;
    }

    /**
     * Maps the whole file for the lifetime of {@code arena}; throws {@link ErrnoException} if the
     * host refuses.
     */
    public MemorySegment map(Arena arena) {
        return MappedMemory.shared(fd, size, arena);
    }

    /**
     * Replaces memory by a private copy of the whole file: {@link MappedMemory#replaceByPrivate}.
     *
     * @return frees what was there
     */
    public Runnable replace(MemorySegment memory) {
        return MappedMemory.replaceByPrivate(memory, fd);
    }

    /**
     * Returns the path by which processes of the same user can open the file, valid until this is
     * closed: proc(5).
     */
    public Path path() {
        return Path.of("/proc", Long.toString(ProcessHandle.current().pid()), "fd", Integer.toString(fd.value()));
    }

    @Override
    public void close() {
        fd.close();
    }
}
