package dev.microvm.snapshot;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.Closeable;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * Writes a file with a machine's RAM: byte n of the file is byte n of the RAM. Pages of zeros are
 * holes in it. Each chunk has a checksum of its own, so that nobody has to read all of a file to use
 * a part. For one thread.
 */
final class MemoryFile implements Closeable {
    /** Bytes that have a checksum together. */
    static final int CHUNK = 1 << 20;

    /** In place of the checksum of a chunk of zeros, which is not in the file; no CRC is negative. */
    static final long ALL_ZERO = -1;

    private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[CHUNK]);

    private final FileChannel file;

    /** Makes a file that is not there. */
    MemoryFile(Path file) throws IOException {
        this.file = FileChannel.open(file, CREATE_NEW, WRITE);
    }

    /** Returns how many chunks there are in so many bytes. */
    static int chunks(long size) {
        return Math.toIntExact((size + CHUNK - 1) / CHUNK);
    }

    /** Returns a chunk of RAM by its number. */
    static MemorySegment chunk(MemorySegment ram, int number) {
        long at = (long) number * CHUNK;
        return ram.asSlice(at, Math.min(CHUNK, ram.byteSize() - at));
    }

    /**
     * Writes RAM to a new file and returns the checksums of its chunks.
     *
     * @param ram stands still meanwhile; its size is a multiple of 4 KiB
     */
    static long[] write(MemorySegment ram, Path file) throws IOException {
        long[] checksums = new long[chunks(ram.byteSize())];
        try (MemoryFile to = new MemoryFile(file)) {
            for (int i = 0; i < checksums.length; i++) {
                MemorySegment chunk = chunk(ram, i);
                checksums[i] = checksum(chunk);
                if (checksums[i] != ALL_ZERO) to.write(chunk, (long) i * CHUNK);
            }
            to.extend(ram.byteSize());
        }
        return checksums;
    }

    /**
     * Writes whole pages of RAM, but those of zeros.
     *
     * @param pages at most a chunk
     */
    void write(MemorySegment pages, long at) throws IOException {
        long size = pages.byteSize();
        ByteBuffer bytes = pages.asByteBuffer();
        long from = 0;
        while (from < size) {
            if (isZero(pages, from, PAGE_SIZE)) {
                from += PAGE_SIZE;
                continue;
            }
            long end = from + PAGE_SIZE;
            while (end < size && !isZero(pages, end, PAGE_SIZE)) end += PAGE_SIZE;
            writeAll(bytes.slice((int) from, (int) (end - from)), at + from);
            from = end;
        }
    }

    private void writeAll(ByteBuffer bytes, long at) throws IOException {
        long next = at;
        while (bytes.hasRemaining()) next += file.write(bytes, next);
    }

    /** Makes the file as long as the RAM, if its last page is not in it. */
    void extend(long size) throws IOException {
        if (file.size() < size) writeAll(ByteBuffer.allocate(1), size - 1);
    }

    /** Returns the checksum of a chunk, or {@link #ALL_ZERO}. */
    static long checksum(MemorySegment chunk) {
        if (isZero(chunk, 0, chunk.byteSize())) return ALL_ZERO;
        CRC32C crc = new CRC32C();
        crc.update(chunk.asByteBuffer());
        return crc.getValue();
    }

    private static boolean isZero(MemorySegment chunk, long from, long size) {
        return MemorySegment.mismatch(chunk, from, from + size, ZEROS, 0, size) < 0;
    }

    @Override
    public void close() throws IOException {
        file.close();
    }
}
