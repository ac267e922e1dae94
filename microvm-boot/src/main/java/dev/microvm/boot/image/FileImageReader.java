package dev.microvm.boot.image;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
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

    private final FileChannel channel;
    private final long size;
    private long position;

    /**
     * Opens {@code file}.
     *
     * @throws IOException if it cannot be opened
     */
    public FileImageReader(Path file) throws IOException {
        channel = FileChannel.open(file, StandardOpenOption.READ);
        size = channel.size();
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
            int count = channel.read(buffer, position);
            if (count < 0) throw ImageReader.cutShort(position, target.byteSize() - done);
            done += count;
            position += count;
        }
    }

    @Override
    public void close() throws IOException {
        channel.close();
    }
}
