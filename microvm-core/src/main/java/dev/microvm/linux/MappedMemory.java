package dev.microvm.linux;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Memory of mmap(2) that lives as long as an {@link Arena}. */
public final class MappedMemory {
    // include/uapi/asm-generic/mman-common.h
    private static final int PROT_READ_WRITE = 0x1 | 0x2;
    private static final int MAP_SHARED = 0x01;
    private static final int MAP_PRIVATE = 0x02;
    private static final int MAP_ANONYMOUS = 0x20;
    private static final int MAP_NORESERVE = 0x4000;

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

    /** The first {@code size} bytes of what {@code fd} maps, shared with it. */
    public static MemorySegment shared(FileDescriptor fd, long size, Arena arena) {
        return map(size, MAP_SHARED, fd.value(), arena);
    }

    @SuppressWarnings("restricted") // gives a mapping its size and its end of life
    private static MemorySegment map(long size, int flags, int fd, Arena arena) {
        long address = Libc.mmap(size, PROT_READ_WRITE, flags, fd, 0);
        if (address < 0) throw new ErrnoException("mmap(%d bytes)".formatted(size), (int) -address);
        return MemorySegment.ofAddress(address).reinterpret(size, arena, mapping -> Libc.munmap(address, size));
    }
}
