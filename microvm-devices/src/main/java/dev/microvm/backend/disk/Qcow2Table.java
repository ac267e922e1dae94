package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.Qcow2Format.BE_LONG;
import static dev.microvm.backend.disk.Qcow2Format.ENTRY_SIZE;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;

/**
 * A table of 64-bit entries that is entirely in memory: the L1 table or the refcount table.
 * {@link #write} writes changes to the file.
 */
final class Qcow2Table {
    private static final int ALIGNMENT = 4096; // bytes, for direct I/O

    private final ImageFile file;
    private final long position;
    private final long size; // bytes
    private final MemorySegment memory;
    // The entries that the file does not have yet: [from, to) in bytes.
    private long from = Long.MAX_VALUE;
    private long to;

    private Qcow2Table(ImageFile file, long position, long entries, Arena arena) {
        this.file = file;
        this.position = position;
        size = entries * ENTRY_SIZE;
        memory = arena.allocate(size, ALIGNMENT);
    }

    /** Reads a table. */
    static Qcow2Table load(ImageFile file, long position, long entries, Arena arena) {
        Qcow2Table table = new Qcow2Table(file, position, entries, arena);
        file.read(position, table.memory, 0, table.size);
        return table;
    }

    /**
     * Returns a longer copy of this table for another place, with all entries marked as changed.
     */
    Qcow2Table grow(long newPosition, long entries, Arena arena) {
        Qcow2Table table = new Qcow2Table(file, newPosition, entries, arena);
        MemorySegment.copy(memory, 0, table.memory, 0, size);
        table.from = 0;
        table.to = table.size;
        return table;
    }

    long entries() {
        return size / ENTRY_SIZE;
    }

    /** Returns the position of the table in the file, in bytes. */
    long position() {
        return position;
    }

    /** Returns the size of the table in the file, in bytes. */
    long size() {
        return size;
    }

    long get(long index) {
        return memory.get(BE_LONG, index * ENTRY_SIZE);
    }

    void set(long index, long value) {
        long at = index * ENTRY_SIZE;
        memory.set(BE_LONG, at, value);
        from = Math.min(from, at);
        to = Math.max(to, at + ENTRY_SIZE);
    }

    boolean dirty() {
        return from < to;
    }

    /** Writes the changed entries. */
    void write() {
        if (!dirty()) return;
        file.write(position + from, memory, from, to - from);
        from = Long.MAX_VALUE;
        to = 0;
    }
}
