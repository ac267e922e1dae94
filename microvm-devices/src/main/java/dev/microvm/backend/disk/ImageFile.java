package dev.microvm.backend.disk;

import dev.microvm.linux.LinuxHost;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The file behind an image: positions in bytes, failures as {@link BlockException}. Any thread may
 * call, several at once; closing is for when nobody does.
 */
interface ImageFile extends AutoCloseable {
    /** For messages. */
    Path path();

    /** Bytes up to the file's end. */
    long size();

    /**
     * The unit in bytes, a power of two, that the file's size must be a multiple of so that writes
     * do not make it longer.
     */
    int alignment();

    /** Reads a range; what is beyond the file's end reads as zero. */
    void read(long position, MemorySegment to, long offset, long length);

    /** Writes a range, beyond the file's end too. */
    void write(long position, MemorySegment from, long offset, long length);

    /** Returns when all that was written is on the medium. */
    void sync();

    /**
     * Gives a range's space back, where the file system can; the range then has its old content or
     * reads as zero.
     */
    void discard(long position, long length);

    /**
     * Makes a range inside the file read as zero.
     *
     * @param mayUnmap whether its space may be given back
     */
    void zero(long position, long length, boolean mayUnmap);

    @Override
    void close();

    /**
     * Opens a file that exists, and locks it: nobody else may write it, and nobody else may read it
     * if {@code writable}.
     *
     * @throws BlockException if it is locked, or cannot be opened so
     */
    static ImageFile open(Path path, boolean writable, CacheMode cache) {
        if (!Files.exists(path)) throw new BlockException("disk image " + path + ": there is no such file");
        if (LinuxHost.usable()) return LinuxImageFile.open(path, writable, cache);
        if (cache == CacheMode.NONE) {
            throw new BlockException("disk image %s: cache=none is not possible: %s; use cache=writeback"
                    .formatted(path, LinuxHost.problem().orElseThrow()));
        }
        return ChannelImageFile.open(path, writable);
    }

    /**
     * The error of a file that someone else has locked.
     *
     * @param lock what is locked
     */
    static BlockException locked(Path path, boolean writable, String lock) {
        return new BlockException((writable
                        ? "disk image %s: another machine or program uses it: it has locked %s; stop that one (fuser"
                                + " finds it), or open it read-only in both"
                        : "disk image %s: another machine or program writes it: it has locked %s; stop that one (fuser"
                                + " finds it)")
                .formatted(path, lock));
    }
}
