package dev.microvm.backend.disk;

import java.lang.foreign.MemorySegment;

/**
 * The content of a disk: bytes at positions from 0 to {@link #size}.
 *
 * <p>Any thread may call, several at once; of overlapping writes either may win, sector by sector. Calls may block. Data is
 * {@code length} bytes of a memory segment outside the heap, from its byte {@code offset} on; it need not be aligned.
 *
 * <p>A range that is not inside the disk or the segment is the caller's mistake, an {@link IndexOutOfBoundsException}: a
 * device checks what a guest asks for. What the host or the image is to blame for, and a write to a read-only disk, is a
 * {@link BlockException}; what a failed write leaves in its range is undefined, and the disk can still be used.
 *
 * <p>Nothing of it is part of a machine's saved state but the content of a {@link RamOverlay}: who saves a machine
 * flushes, and keeps the image.
 */
public interface BlockBackend extends AutoCloseable {
    /** Bytes in a sector, the unit of sizes: VIRTIO 1.2, 5.2.4. */
    int SECTOR_SIZE = 512;

    /** The disk's size in bytes, a multiple of {@link #SECTOR_SIZE}; it never changes. */
    long size();

    /** Whether nothing can be written. */
    boolean readOnly();

    /** The unit in bytes, a power of two, in which {@link #discard} gives space back: less than one gives back nothing. */
    int discardUnit();

    /** Copies {@code [position, position + length)} to {@code to}. */
    void read(long position, MemorySegment to, long offset, long length);

    /** Writes {@code [position, position + length)}; it may stay in a cache until {@link #flush}. */
    void write(long position, MemorySegment from, long offset, long length);

    /** Returns when all that was written before is on the medium. */
    void flush();

    /** Says that nobody needs a range: its content is then the old one or zero, and its space may be given back. */
    void discard(long position, long length);

    /**
     * Makes a range read as zero.
     *
     * @param mayUnmap whether its space may be given back
     */
    void writeZeroes(long position, long length, boolean mayUnmap);

    /**
     * Writes what is in a cache and closes the files. Not while another thread calls; twice is once.
     *
     * @throws BlockException if not all of it could be written; the files are closed
     */
    @Override
    void close();
}
