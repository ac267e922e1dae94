package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_LONG;

import java.lang.foreign.Arena;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.util.BitSet;
import org.jspecify.annotations.Nullable;

/**
 * Finds pages by the ioctl PAGEMAP_SCAN, which Linux has since 6.7: it steps over memory that was
 * not touched, so its time does not depend on the size of the memory. Any thread may call.
 */
final class PageMapScan {
    // include/uapi/linux/fs.h: struct page_region, with an exclusive end
    private static final StructLayout REGION = MemoryLayout.structLayout(
            JAVA_LONG.withName("start"), JAVA_LONG.withName("end"), JAVA_LONG.withName("categories"));
    private static final long REGION_START = offset(REGION, "start");
    private static final long REGION_END = offset(REGION, "end");

    // include/uapi/linux/fs.h: struct pm_scan_arg
    private static final StructLayout ARGUMENT = MemoryLayout.structLayout(
            JAVA_LONG.withName("size"),
            JAVA_LONG.withName("flags"),
            JAVA_LONG.withName("start"),
            JAVA_LONG.withName("end"),
            JAVA_LONG.withName("walk_end"),
            JAVA_LONG.withName("vec"),
            JAVA_LONG.withName("vec_len"),
            JAVA_LONG.withName("max_pages"),
            JAVA_LONG.withName("category_inverted"),
            JAVA_LONG.withName("category_mask"),
            JAVA_LONG.withName("category_anyof_mask"),
            JAVA_LONG.withName("return_mask"));
    private static final long SIZE = offset(ARGUMENT, "size");
    private static final long START = offset(ARGUMENT, "start");
    private static final long END = offset(ARGUMENT, "end");
    private static final long WALK_END = offset(ARGUMENT, "walk_end");
    private static final long VEC = offset(ARGUMENT, "vec");
    private static final long VEC_LEN = offset(ARGUMENT, "vec_len");
    private static final long CATEGORY_INVERTED = offset(ARGUMENT, "category_inverted");
    private static final long CATEGORY_MASK = offset(ARGUMENT, "category_mask");
    private static final long CATEGORY_ANYOF_MASK = offset(ARGUMENT, "category_anyof_mask");

    // include/uapi/linux/fs.h
    private static final long PAGEMAP_SCAN = 0xC0606610L; // _IOWR('f', 16, struct pm_scan_arg)
    private static final long PAGE_IS_FILE = 1 << 2;
    private static final long PAGE_IS_PRESENT = 1 << 3;
    private static final long PAGE_IS_SWAPPED = 1 << 4;

    private static final int REGIONS = 512; // of one call

    private PageMapScan() {}

    private static long offset(StructLayout struct, String field) {
        return struct.byteOffset(MemoryLayout.PathElement.groupElement(field));
    }

    /**
     * Returns the same as {@link PageMap#ownPages}; null if this Linux does not have the call.
     *
     * @throws ErrnoException if there is no page map
     */
    static @Nullable BitSet ownPages(MemorySegment memory) {
        try (FileDescriptor map = FileDescriptor.openRead(PageMap.FILE.toString());
                Arena arena = Arena.ofConfined()) {
            MemorySegment regions = arena.allocate(REGION, REGIONS);
            MemorySegment argument = arena.allocate(ARGUMENT);
            argument.set(JAVA_LONG, SIZE, ARGUMENT.byteSize());
            argument.set(JAVA_LONG, VEC, regions.address());
            argument.set(JAVA_LONG, VEC_LEN, REGIONS);
            // There, in memory or swapped, and not of a file
            argument.set(JAVA_LONG, CATEGORY_INVERTED, PAGE_IS_FILE);
            argument.set(JAVA_LONG, CATEGORY_MASK, PAGE_IS_FILE);
            argument.set(JAVA_LONG, CATEGORY_ANYOF_MASK, PAGE_IS_PRESENT | PAGE_IS_SWAPPED);
            return walk(map, memory, argument, regions);
        }
    }

    private static @Nullable BitSet walk(
            FileDescriptor map, MemorySegment memory, MemorySegment argument, MemorySegment regions) {
        BitSet own = new BitSet();
        long end = memory.address() + memory.byteSize();
        argument.set(JAVA_LONG, END, end);
        for (long at = memory.address(); at < end; at = argument.get(JAVA_LONG, WALK_END)) {
            argument.set(JAVA_LONG, START, at);
            int found = Libc.ioctl(map.value(), PAGEMAP_SCAN, argument);
            if (found == -Errno.ENOTTY || found == -Errno.EINVAL) return null;
            Libc.check("ioctl(PAGEMAP_SCAN)", found);
            for (int i = 0; i < found; i++) add(regions.asSlice(i * REGION.byteSize(), REGION), memory.address(), own);
        }
        return own;
    }

    private static void add(MemorySegment region, long base, BitSet own) {
        int pageSize = Libc.getpagesize();
        long from = (region.get(JAVA_LONG, REGION_START) - base) / pageSize;
        long end = (region.get(JAVA_LONG, REGION_END) - base) / pageSize;
        own.set(Math.toIntExact(from), Math.toIntExact(end));
    }
}
