package dev.microvm.linux;

import static java.nio.file.StandardOpenOption.READ;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.BitSet;

/**
 * Says which pages of its memory this process has for itself: Linux
 * Documentation/admin-guide/mm/pagemap.rst. Any thread may call.
 */
public final class PageMap {
    static final Path FILE = Path.of("/proc/self/pagemap");
    private static final long PRESENT = 1L << 63;
    private static final long SWAPPED = 1L << 62;
    private static final long OF_FILE = 1L << 61; // or of shared memory
    private static final int BATCH = 1 << 16; // bytes of entries

    private PageMap() {}

    /**
     * Returns the pages that belong to this process alone: those of anonymous memory that were
     * touched, and those of a private mapping of a file that were written. Pages that are the
     * file's, or are not there, are not among them.
     *
     * @param memory page-aligned; nobody writes it meanwhile
     * @throws IOException if the kernel does not tell
     */
    public static BitSet ownPages(MemorySegment memory) throws IOException {
        BitSet own = PageMapScan.ownPages(memory);
        return own == null ? readOwnPages(memory) : own;
    }

    /** The same where Linux has no {@link PageMapScan}: reads an entry for each page. */
    static BitSet readOwnPages(MemorySegment memory) throws IOException {
        int pageSize = Libc.getpagesize();
        int pages = Math.toIntExact(memory.byteSize() / pageSize);
        BitSet own = new BitSet(pages);
        ByteBuffer entries = ByteBuffer.allocateDirect(BATCH).order(ByteOrder.nativeOrder());
        try (FileChannel map = FileChannel.open(FILE, READ)) {
            long at = memory.address() / pageSize * Long.BYTES;
            for (int page = 0; page < pages; ) {
                entries.clear().limit(Math.min(BATCH, (pages - page) * Long.BYTES));
                if (map.read(entries, at + (long) page * Long.BYTES) <= 0) throw new IOException(FILE + " ends early");
                entries.flip();
                while (entries.remaining() >= Long.BYTES) {
                    long entry = entries.getLong();
                    boolean anonymous = (entry & PRESENT) != 0 && (entry & OF_FILE) == 0;
                    if (anonymous || (entry & SWAPPED) != 0) own.set(page);
                    page++;
                }
            }
        }
        return own;
    }

    /** Returns the size of a page in bytes. */
    public static int pageSize() {
        return Libc.getpagesize();
    }
}
