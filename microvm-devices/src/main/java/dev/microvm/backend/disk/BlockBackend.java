package dev.microvm.backend.disk;

import java.lang.foreign.MemorySegment;
import java.util.Objects;
import java.util.function.BooleanSupplier;

/**
 * The content of a disk: bytes at positions from 0 to {@link #size}.
 *
 * <p>Any number of threads may call at the same time. If writes overlap, either may win in each
 * sector. Calls may block. Data is {@code length} bytes of a memory segment outside the heap,
 * starting at its byte {@code offset}; it need not be aligned.
 *
 * <p>A range outside the disk or the segment causes an {@link IndexOutOfBoundsException}: devices
 * must check the ranges that a guest requests. Failures of the host, errors in the image and writes
 * to a read-only disk cause a {@link BlockException}. After a failed write the content of its range
 * is undefined, but the disk can still be used.
 *
 * <p>The saved state of a machine does not contain its disks, except the content of a
 * {@link RamOverlay}. To save a machine, flush its disks and keep the images.
 */
public interface BlockBackend extends AutoCloseable {
    /** Size of a sector in bytes, the unit of disk sizes: VIRTIO 1.2, 5.2.4. */
    int SECTOR_SIZE = 512;

    /**
     * Returns the size of the disk in bytes, a multiple of {@link #SECTOR_SIZE}. It never changes.
     */
    long size();

    /** Returns whether the disk cannot be written. */
    boolean readOnly();

    /**
     * Returns the unit in bytes, a power of two, in which {@link #discard} frees space. Smaller
     * ranges free nothing.
     */
    int discardUnit();

    /** Copies {@code [position, position + length)} to {@code to}. */
    void read(long position, MemorySegment to, long offset, long length);

    /**
     * Writes {@code [position, position + length)}; it may stay in a cache until {@link #flush}.
     */
    void write(long position, MemorySegment from, long offset, long length);

    /** Flushes all completed writes to the medium before it returns. */
    void flush();

    /**
     * Discards a range. It then has its old content or reads as zero, and its space may be freed.
     */
    void discard(long position, long length);

    /**
     * Makes a range read as zero.
     *
     * @param mayUnmap whether the space of the range may be freed
     */
    void writeZeroes(long position, long length, boolean mayUnmap);

    /**
     * Sets what a long request asks between its steps. When it returns true, the request ends
     * unfinished with a {@link RequestCancelledException}, and may be made again from its start. So
     * a machine can be paused, reset or closed in the middle of a request. {@link #close} does not
     * ask. The default ignores it, for back ends whose requests are short.
     */
    default void cancelledBy(BooleanSupplier cancelled) {
        Objects.requireNonNull(cancelled, "cancelled");
    }

    /**
     * Writes all cached data and closes the files. The caller must make sure that no other call is
     * in progress. A second call has no effect.
     *
     * @throws BlockException if some data could not be written; the files are closed even then
     */
    @Override
    void close();
}
