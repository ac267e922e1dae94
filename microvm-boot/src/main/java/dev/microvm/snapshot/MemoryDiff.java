package dev.microvm.snapshot;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;

/**
 * What differs between RAM and that of a snapshot.
 *
 * @param pages numbers of the pages that differ
 * @param checksums of the chunks of the RAM
 */
record MemoryDiff(BitSet pages, List<Long> checksums) {
    /**
     * Writes the pages that differ to a new file, each at its place in the RAM. Compares the bytes:
     * nothing depends on which writes somebody has noticed.
     *
     * @param ram stands still meanwhile
     * @param candidates pages that may differ; the others do not
     * @param base the other RAM, of the same size
     * @param before checksums of its chunks
     */
    static MemoryDiff write(MemorySegment ram, BitSet candidates, MemoryLayers base, long[] before, Path file)
            throws IOException {
        BitSet pages = new BitSet();
        long[] checksums = before.clone();
        try (MemoryFile to = new MemoryFile(file);
                Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(MemoryFile.CHUNK);
            for (int i = 0; i < checksums.length; i++) {
                int first = Math.toIntExact((long) i * MemoryFile.CHUNK / PAGE_SIZE);
                MemorySegment chunk = MemoryFile.chunk(ram, i);
                int end = first + Math.toIntExact(chunk.byteSize() / PAGE_SIZE);
                int next = candidates.nextSetBit(first);
                if (next < 0) break;
                if (next >= end) continue;
                MemorySegment old = buffer.asSlice(0, chunk.byteSize());
                if (before[i] == MemoryFile.ALL_ZERO) old.fill((byte) 0);
                else base.read((long) i * MemoryFile.CHUNK, old);
                if (mark(chunk, old, first, pages)) {
                    checksums[i] = MemoryFile.checksum(chunk);
                    write(pages, first, end, ram, to);
                }
            }
            to.extend(ram.byteSize());
        }
        return new MemoryDiff(pages, Arrays.stream(checksums).boxed().toList());
    }

    /** Marks the pages of a chunk that differ, and returns whether there are any. */
    private static boolean mark(MemorySegment now, MemorySegment old, int first, BitSet pages) {
        boolean any = false;
        for (long at = now.mismatch(old); at >= 0 && at < now.byteSize(); ) {
            pages.set(first + (int) (at / PAGE_SIZE));
            any = true;
            long next = (at / PAGE_SIZE + 1) * PAGE_SIZE;
            long found = next == now.byteSize()
                    ? -1
                    : MemorySegment.mismatch(now, next, now.byteSize(), old, next, now.byteSize());
            at = found < 0 ? -1 : next + found;
        }
        return any;
    }

    private static void write(BitSet pages, int first, int end, MemorySegment ram, MemoryFile to) throws IOException {
        for (int from = pages.nextSetBit(first); from >= 0 && from < end; ) {
            int next = Math.min(end, pages.nextClearBit(from));
            long at = (long) from * PAGE_SIZE;
            to.write(ram.asSlice(at, (long) (next - from) * PAGE_SIZE), at);
            from = pages.nextSetBit(next);
        }
    }
}
