package dev.microvm.backend.disk;

import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Set;

/**
 * An image file on a {@link FileChannel}, for hosts other than Linux. It cannot free space, and
 * each request allocates buffers that wrap its memory. An interrupt of a thread that reads or
 * writes closes the file.
 */
final class ChannelImageFile implements ImageFile {
    private static final long CHUNK = 1 << 30; // bytes, since a buffer has less than 2^31

    private static final String LOCK = "the whole file";

    private final FileChannel channel;
    private final Path path;

    private ChannelImageFile(FileChannel channel, Path path) {
        this.channel = channel;
        this.path = path;
    }

    static ChannelImageFile open(Path path, boolean writable) {
        FileChannel channel;
        try {
            channel = FileChannel.open(
                    path,
                    writable
                            ? Set.of(StandardOpenOption.READ, StandardOpenOption.WRITE)
                            : Set.of(StandardOpenOption.READ));
        } catch (IOException e) {
            throw new BlockException("disk image " + path + ": cannot be opened: " + e, e);
        }
        ChannelImageFile file = new ChannelImageFile(channel, path);
        try {
            file.lock(writable);
            return file;
        } catch (RuntimeException e) {
            file.close();
            throw e;
        }
    }

    private void lock(boolean writable) {
        try {
            if (channel.tryLock(0, Long.MAX_VALUE, !writable) == null) throw ImageFile.locked(path, writable, LOCK);
        } catch (OverlappingFileLockException e) { // by this JVM, whose locks all count as one
            throw ImageFile.locked(path, writable, LOCK);
        } catch (IOException e) {
            throw new BlockException("disk image " + path + ": cannot be locked: " + e, e);
        }
    }

    @Override
    public Path path() {
        return path;
    }

    @Override
    public long size() {
        try {
            return channel.size();
        } catch (IOException e) {
            throw failed(e);
        }
    }

    @Override
    public int alignment() {
        return 1;
    }

    @Override
    public void read(long position, MemorySegment to, long offset, long length) {
        long done = 0;
        try {
            while (done < length) {
                int n = channel.read(buffer(to, offset + done, length - done), position + done);
                if (n < 0) break;
                done += n;
            }
        } catch (IOException e) {
            throw failed(e);
        }
        if (done < length) to.asSlice(offset + done, length - done).fill((byte) 0);
    }

    @Override
    public void write(long position, MemorySegment from, long offset, long length) {
        long done = 0;
        try {
            while (done < length) {
                done += channel.write(buffer(from, offset + done, length - done), position + done);
            }
        } catch (IOException e) {
            throw failed(e);
        }
    }

    private static ByteBuffer buffer(MemorySegment segment, long offset, long length) {
        return segment.asSlice(offset, Math.min(CHUNK, length)).asByteBuffer();
    }

    @Override
    public void sync() {
        try {
            channel.force(false);
        } catch (IOException e) {
            throw failed(e);
        }
    }

    @Override
    public void discard(long position, long length) {} // Java has no way to

    @Override
    public void zero(long position, long length, boolean mayUnmap) {
        Zeroes.write(this, position, length);
    }

    private BlockException failed(IOException e) {
        return new BlockException("disk image " + path + ": " + e, e);
    }

    @Override
    public void close() {
        try {
            channel.close();
        } catch (IOException e) {
            throw failed(e);
        }
    }
}
