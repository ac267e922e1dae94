package dev.microvm.backend.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/** Writes zeroes to files and disks. */
final class Zeroes {
    private static final long SIZE = 64 * 1024; // bytes
    private static final long ALIGNMENT = 4096; // bytes, enough for direct I/O

    private static final MemorySegment ZEROES =
            Arena.global().allocate(SIZE, ALIGNMENT).asReadOnly();

    private Zeroes() {}

    /** Writes zeroes to a range of a file. */
    static void write(ImageFile file, long position, long length) {
        for (long done = 0; done < length; done += SIZE) {
            file.write(position + done, ZEROES, 0, Math.min(SIZE, length - done));
        }
    }

    /** Writes zeroes to a range of a disk. */
    static void write(BlockBackend disk, long position, long length) {
        for (long done = 0; done < length; done += SIZE) {
            disk.write(position + done, ZEROES, 0, Math.min(SIZE, length - done));
        }
    }
}
