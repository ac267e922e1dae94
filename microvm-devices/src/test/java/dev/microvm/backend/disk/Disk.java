package dev.microvm.backend.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;

/** A disk, read and written in arrays. */
final class Disk {
    private Disk() {}

    static byte[] read(BlockBackend disk, long position, int length) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment segment = arena.allocate(Math.max(1, length));
            segment.fill((byte) 0x5a);
            disk.read(position, segment, 0, length);
            return segment.asSlice(0, length).toArray(ValueLayout.JAVA_BYTE);
        }
    }

    static void write(BlockBackend disk, long position, byte[] data) {
        try (Arena arena = Arena.ofConfined()) {
            disk.write(position, arena.allocateFrom(ValueLayout.JAVA_BYTE, data), 0, data.length);
        }
    }
}
