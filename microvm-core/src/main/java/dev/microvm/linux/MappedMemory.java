package dev.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/** Maps memory by mmap(2) for the lifetime of an {@link Arena}. Any thread may call. */
public final class MappedMemory {
    // include/uapi/asm-generic/mman-common.h
    private static final int PROT_READ_WRITE = 0x1 | 0x2;
    private static final int MAP_SHARED = 0x01;
    private static final int MAP_PRIVATE = 0x02;
    private static final int MAP_FIXED = 0x10;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_NORESERVE = 0x4000;
    private static final int MADV_DONTNEED = 4;
    private static final int MADV_REMOVE = 9;

    // include/uapi/linux/mman.h
    private static final int MREMAP_MAYMOVE = 1;
    private static final int MREMAP_DONTUNMAP = 4;

    private static final long PAGE_SIZE = Libc.getpagesize(); // of the host

    private MappedMemory() {}

    /**
     * Maps zeroed, page-aligned memory that takes no host memory until it is touched.
     *
     * @param size bytes, a multiple of the page size
     * @throws ErrnoException if the host refuses
     */
    public static MemorySegment anonymous(long size, Arena arena) {
        return map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, arena);
    }

    /**
     * Returns to the host all pages that lie entirely in {@code [offset, offset + length)}. From
     * then on they read as zero, and they take no host memory until they are touched. Any thread
     * may call, even while others use the memory.
     *
     * @param memory private anonymous memory, from {@link #anonymous} or
     *     {@link Arena#allocate(long, long)}, or {@link #shared} with a file in memory, which then
     *     has a hole there. Pages of a private copy of a file read as the file again
     * @throws ErrnoException if the host refuses, for example because the memory is locked:
     *     mlock(2)
     * @throws IndexOutOfBoundsException if the range is not inside the memory
     */
    public static void discard(MemorySegment memory, long offset, long length) {
        Objects.checkFromIndexSize(offset, length, memory.byteSize());
        long address = memory.address();
        // Round inwards: madvise(2) would round the length up and discard bytes after the range.
        long from = ((address + offset + PAGE_SIZE - 1) & -PAGE_SIZE) - address;
        long size = ((address + offset + length) & -PAGE_SIZE) - address - from;
        if (size <= 0) return;
        if (Libc.madvise(memory, from, size, MADV_REMOVE) >= 0) return; // it was a shared mapping
        Libc.check("madvise(MADV_DONTNEED)", Libc.madvise(memory, from, size, MADV_DONTNEED));
    }

    /**
     * Maps the first {@code size} bytes of a file, shared with all its users. The mapping outlives
     * {@code fd}; throws {@link ErrnoException} if the host refuses.
     */
    public static MemorySegment shared(FileDescriptor fd, long size, Arena arena) {
        return map(size, MAP_SHARED, fd.value(), arena);
    }

    /**
     * Maps a private copy of the first {@code size} bytes of a file. Writes change pages of this
     * process and never the file.
     *
     * @throws ErrnoException if the file cannot be opened, or the host refuses
     */
    public static MemorySegment privateOf(Path file, long size, Arena arena) {
        try (FileDescriptor fd = FileDescriptor.openRead(file.toString())) {
            return map(size, MAP_PRIVATE | MAP_NORESERVE, fd.value(), arena);
        }
    }

    /**
     * Replaces memory by a private copy of a file of its size, in its place. The pages that were
     * there are moved away first where Linux can do that, so that this takes the same time for all
     * sizes: to free them takes longer, and can be done when the memory is in use again.
     *
     * @param memory one whole mapping of this class; nobody uses it meanwhile
     * @return frees what was there, once
     * @throws ErrnoException if the host refuses; what was there is then lost
     */
    public static Runnable replaceByPrivate(MemorySegment memory, FileDescriptor fd) {
        long size = memory.byteSize();
        long moved = Libc.mremap(memory.address(), size, size, MREMAP_MAYMOVE | MREMAP_DONTUNMAP);
        int flags = MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE;
        long address = Libc.mmap(memory.address(), size, PROT_READ_WRITE, flags, fd.value(), 0);
        if (address < 0) throw new ErrnoException("mmap(%d bytes, MAP_FIXED)".formatted(size), (int) -address);
        return moved < 0 ? () -> {} : () -> Libc.munmap(moved, size);
    }

    @SuppressWarnings("restricted") // gives a mapping its size and its end of life
    private static MemorySegment map(long size, int flags, int fd, Arena arena) {
        long address = Libc.mmap(size, PROT_READ_WRITE, flags, fd, 0);
        if (address < 0) throw new ErrnoException("mmap(%d bytes)".formatted(size), (int) -address);
        return MemorySegment.ofAddress(address).reinterpret(size, arena, mapping -> Libc.munmap(address, size));
    }
}
