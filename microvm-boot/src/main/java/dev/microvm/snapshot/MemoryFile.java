package dev.microvm.snapshot;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;
import static java.nio.file.StandardOpenOption.CREATE_NEW;
import static java.nio.file.StandardOpenOption.READ;
import static java.nio.file.StandardOpenOption.WRITE;

import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/**
 * The file with a machine's RAM: byte n of the file is byte n of the RAM. Pages of zeros are holes
 * in it. Each chunk has a checksum of its own, so that nobody has to read all of a file to use a
 * part.
 */
final class MemoryFile {
    /** Bytes that have a checksum together. */
    static final int CHUNK = 1 << 20;

    /** In place of the checksum of a chunk of zeros, which is not in the file; no CRC is negative. */
    static final long ALL_ZERO = -1;

    private static final MemorySegment ZEROS = MemorySegment.ofArray(new byte[CHUNK]);

    private MemoryFile() {}

    /** Returns how many chunks there are in so many bytes. */
    static int chunks(long size) {
        return Math.toIntExact((size + CHUNK - 1) / CHUNK);
    }

    /**
     * Writes RAM to a new file and returns the checksums of its chunks.
     *
     * @param ram stands still meanwhile; its size is a multiple of 4 KiB
     */
    static long[] write(MemorySegment ram, Path file) throws IOException {
        long[] checksums = new long[chunks(ram.byteSize())];
        try (FileChannel to = FileChannel.open(file, CREATE_NEW, WRITE)) {
            for (int i = 0; i < checksums.length; i++) {
                long at = (long) i * CHUNK;
                MemorySegment chunk = ram.asSlice(at, Math.min(CHUNK, ram.byteSize() - at));
                checksums[i] = write(chunk, to, at);
            }
            extend(to, ram.byteSize());
        }
        return checksums;
    }

    private static long write(MemorySegment chunk, FileChannel to, long at) throws IOException {
        long size = chunk.byteSize();
        if (isZero(chunk, 0, size)) return ALL_ZERO;
        ByteBuffer bytes = chunk.asByteBuffer();
        long from = 0;
        while (from < size) {
            if (isZero(chunk, from, PAGE_SIZE)) {
                from += PAGE_SIZE;
                continue;
            }
            long end = from + PAGE_SIZE;
            while (end < size && !isZero(chunk, end, PAGE_SIZE)) end += PAGE_SIZE;
            writeAll(bytes.slice((int) from, (int) (end - from)), to, at + from);
            from = end;
        }
        return checksum(bytes);
    }

    private static boolean isZero(MemorySegment chunk, long from, long size) {
        return MemorySegment.mismatch(chunk, from, from + size, ZEROS, 0, size) < 0;
    }

    private static void writeAll(ByteBuffer bytes, FileChannel to, long at) throws IOException {
        long next = at;
        while (bytes.hasRemaining()) next += to.write(bytes, next);
    }

    /** Makes the file as long as the RAM, if its last page is not in it. */
    private static void extend(FileChannel file, long size) throws IOException {
        if (file.size() < size) writeAll(ByteBuffer.allocate(1), file, size - 1);
    }

    private static long checksum(ByteBuffer bytes) {
        CRC32C crc = new CRC32C();
        crc.update(bytes);
        return crc.getValue();
    }

    /**
     * Reads a whole file and returns the number of the first chunk that does not have its checksum;
     * -1 if all have.
     */
    static int firstDamaged(Path file, long[] checksums) throws IOException {
        try (FileChannel from = FileChannel.open(file, READ);
                Arena arena = Arena.ofConfined()) {
            MemorySegment buffer = arena.allocate(CHUNK);
            long size = from.size();
            for (int i = 0; i < checksums.length; i++) {
                long at = (long) i * CHUNK;
                MemorySegment chunk = buffer.asSlice(0, Math.clamp(size - at, 0, CHUNK));
                readAll(chunk.asByteBuffer(), from, at);
                long found = isZero(chunk, 0, chunk.byteSize()) ? ALL_ZERO : checksum(chunk.asByteBuffer());
                if (found != checksums[i]) return i;
            }
            return -1;
        }
    }

    private static void readAll(ByteBuffer into, FileChannel from, long at) throws IOException {
        long next = at;
        while (into.hasRemaining()) {
            int count = from.read(into, next);
            if (count < 0) throw new IOException("the file became shorter");
            next += count;
        }
    }
}
