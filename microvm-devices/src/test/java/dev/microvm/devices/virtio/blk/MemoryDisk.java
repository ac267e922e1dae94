package dev.microvm.devices.virtio.blk;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.backend.disk.BlockException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** A disk in an array that notes what is asked of it, and fails when it is told to. */
class MemoryDisk implements BlockBackend {
    final byte[] content;
    final List<String> calls = new ArrayList<>();
    boolean readOnly;
    boolean failing;
    volatile boolean closed;

    MemoryDisk(int size) {
        content = new byte[size];
    }

    private synchronized void note(String call, long position, long length) {
        Objects.checkFromIndexSize(position, length, content.length);
        if (failing) throw new BlockException("the disk fails");
        calls.add(call);
    }

    @Override
    public long size() {
        return content.length;
    }

    @Override
    public boolean readOnly() {
        return readOnly;
    }

    @Override
    public int discardUnit() {
        return 4096;
    }

    @Override
    public void read(long position, MemorySegment to, long offset, long length) {
        note("read " + position + " " + length, position, length);
        MemorySegment.copy(content, (int) position, to, ValueLayout.JAVA_BYTE, offset, (int) length);
    }

    @Override
    public void write(long position, MemorySegment from, long offset, long length) {
        note("write " + position + " " + length, position, length);
        MemorySegment.copy(from, ValueLayout.JAVA_BYTE, offset, content, (int) position, (int) length);
    }

    @Override
    public void flush() {
        note("flush", 0, 0);
    }

    @Override
    public void discard(long position, long length) {
        note("discard " + position + " " + length, position, length);
    }

    @Override
    public void writeZeroes(long position, long length, boolean mayUnmap) {
        note("zero " + position + " " + length + " " + mayUnmap, position, length);
        Arrays.fill(content, (int) position, (int) (position + length), (byte) 0);
    }

    @Override
    public void close() {
        closed = true;
    }
}
