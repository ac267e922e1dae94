package dev.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/** Memory of mmap(2) that lives as long as an {@link Arena}. */
public final class MappedMemory {
    // include/uapi/asm-generic/mman-common.h
    private static final int PROT_READ_WRITE = 0x1 | 0x2;
    private static final int MAP_SHARED = 0x01;
    private static final int MAP_PRIVATE = 0x02;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_NORESERVE = 0x4000;
    private static final int MADV_DONTNEED = 4;

    private static final long PAGE_SIZE = Libc.getpagesize(); // the host's

    private MappedMemory() {}

    /**
     * Zeroed, page-aligned memory that costs nothing until it is touched.
     *
     * @param size bytes, a multiple of the page size
     * @throws ErrnoException if the host refuses
     */
    public static MemorySegment anonymous(long size, Arena arena) {
        return map(size, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, arena);
    }

    /**
     * Gives the host's pages that lie whole in {@code [offset, offset + length)} back to it: they read as zero from then on, and
     * cost nothing until they are touched. Any thread may call, also while others use the memory.
     *
     * @param memory private and anonymous, as what {@link #anonymous} or {@link Arena#allocate(long, long)} gave; of other
     *     memory the host may keep the pages
     * @throws ErrnoException if the host refuses, as it does for memory that is locked: mlock(2)
     */
    public static void discard(MemorySegment memory, long offset, long length) {
        Objects.checkFromIndexSize(offset, length, memory.byteSize());
        long address = memory.address();
        // Inwards: madvise(2) itself would round a length up, into what is not ours to discard.
        long from = ((address + offset + PAGE_SIZE - 1) & -PAGE_SIZE) - address;
        long size = ((address + offset + length) & -PAGE_SIZE) - address - from;
        if (size > 0) Libc.check("madvise(MADV_DONTNEED)", Libc.madvise(memory, from, size, MADV_DONTNEED));
    }

    /** The first {@code size} bytes of what {@code fd} maps, shared with it. */
    public static MemorySegment shared(FileDescriptor fd, long size, Arena arena) {
        return map(size, MAP_SHARED, fd.value(), arena);
    }

    /**
     * The first {@code size} bytes of a file; what is written stays here, in pages of this process.
     *
     * @throws ErrnoException if the file cannot be opened, or the host refuses
     */
    public static MemorySegment privateOf(Path file, long size, Arena arena) {
        try (FileDescriptor fd = FileDescriptor.openRead(file.toString())) {
            return map(size, MAP_PRIVATE | MAP_NORESERVE, fd.value(), arena);
        }
    }

    @SuppressWarnings("restricted") // gives a mapping its size and its end of life
    private static MemorySegment map(long size, int flags, int fd, Arena arena) {
        long address = Libc.mmap(size, PROT_READ_WRITE, flags, fd, 0);
        if (address < 0) throw new ErrnoException("mmap(%d bytes)".formatted(size), (int) -address);
        return MemorySegment.ofAddress(address).reinterpret(size, arena, mapping -> Libc.munmap(address, size));
    }
}
