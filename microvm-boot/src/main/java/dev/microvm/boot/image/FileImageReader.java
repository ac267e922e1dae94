package dev.microvm.boot.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** Reads an uncompressed image file; the operating system copies directly to the target. */
public final class FileImageReader implements ImageReader {
    /** Maximum size of one read, in bytes: a {@link ByteBuffer} cannot be larger than 2 GiB. */
    private static final long CHUNK = 1L << 30;

    /**
     * The same for a target on the heap, for which the JDK allocates and keeps a buffer of that
     * size.
     */
    private static final long HEAP_CHUNK = 128 * 1024;

    private final Path file;
    private FileChannel channel;
    private final long size;
    private long position;

    /**
     * Opens {@code file}.
     *
     * @throws IOException if it cannot be opened
     */
    public FileImageReader(Path file) throws IOException {
        this.file = file;
        channel = FileChannel.open(file, StandardOpenOption.READ);
        size = Files.size(file);
    }

    @Override
    public void skip(long count) {
        if (count > size - position) throw ImageReader.cutShort(size, count - (size - position));
        position += count;
    }

    @Override
    public void read(MemorySegment target) throws IOException {
        long chunk = target.isNative() ? CHUNK : HEAP_CHUNK;
        long done = 0;
        while (done < target.byteSize()) {
            ByteBuffer buffer = target.asSlice(done, Math.min(chunk, target.byteSize() - done))
                    .asByteBuffer();
            int count = readUninterruptibly(buffer);
            if (count < 0) throw ImageReader.cutShort(position, target.byteSize() - done);
            done += count;
            position += count;
        }
    }

    /**
     * Reads at the position. An interrupt of the thread, which would close the channel for good,
     * stays pending until the read is done.
     */
    private int readUninterruptibly(ByteBuffer buffer) throws IOException {
        boolean interrupted = Thread.interrupted();
        try {
            while (true) {
                try {
                    return channel.read(buffer.duplicate(), position);
                } catch (ClosedByInterruptException e) {
                    interrupted |= Thread.interrupted();
                    channel = FileChannel.open(file, StandardOpenOption.READ);
                }
            }
        } finally {
            if (interrupted) Thread.currentThread().interrupt();
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
