package dev.microvm.backend.disk;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.Arrays;

/** An image file in an array, which counts what is asked of it and is full at some size. For one thread. */
final class MemoryImageFile implements ImageFile {
    private static final int MAX_SIZE = 16 << 20; // bytes

    private byte[] content;
    private int size;
    private long calls;
    private long grown;
    private boolean closed;

    MemoryImageFile(byte[] content) {
        this.content = content;
        size = content.length;
    }

    byte[] content() {
        return Arrays.copyOf(content, size);
    }

    /** How many calls read, wrote, discarded or synced. */
    long calls() {
        return calls;
    }

    /** How much heap the array has taken for growing, in bytes. */
    long grown() {
        return grown;
    }

    boolean closed() {
        return closed;
    }

    @Override
    public Path path() {
        return Path.of("memory");
    }

    @Override
    public long size() {
        return size;
    }

    @Override
    public int alignment() {
        return 1;
    }

    @Override
    public void read(long position, MemorySegment to, long offset, long length) {
        calls++;
        long there = Math.clamp(size - position, 0, length);
        if (there > 0) MemorySegment.copy(content, (int) position, to, ValueLayout.JAVA_BYTE, offset, (int) there);
        to.asSlice(offset + there, length - there).fill((byte) 0);
    }

    @Override
    public void write(long position, MemorySegment from, long offset, long length) {
        calls++;
        if (position < 0 || position > MAX_SIZE - length) throw new BlockException("No space left on device");
        int end = (int) (position + length);
        if (end > content.length) {
            content = Arrays.copyOf(content, Math.min(MAX_SIZE, end + (end >> 1)));
            grown += content.length;
        }
        size = Math.max(size, end);
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, offset, content, (int) position, (int) length);
    }

    @Override
    public void sync() {
        calls++;
    }

    @Override
    public void discard(long position, long length) {
        calls++;
        int end = Math.clamp(position + length, 0, size);
        if (position >= 0 && position < end) Arrays.fill(content, (int) position, end, (byte) 0);
    }

    @Override
    public void zero(long position, long length, boolean mayUnmap) {
        Zeroes.write(this, position, length);
    }

    @Override
    public void close() {
        closed = true;
    }
}
