package dev.microvm.snapshot;

import static dev.microvm.memory.GuestMemoryRegion.PAGE_SIZE;

import dev.microvm.MicroVm;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.time.Instant;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.OptionalLong;
import java.util.function.Function;

/** RAM of a small machine that never ran, and snapshots of it. */
final class RamSample {
    static final int MIB = 16;
    static final int PAGES = MIB << 20 >> 12;

    private final byte[] ram = new byte[MIB << 20];

    static MachineState state(int mib) {
        return new MachineState(
                MicroVm.builder().kernel(Path.of("/kernel")).memoryMiB(mib).spec(),
                "engine",
                Instant.EPOCH,
                OptionalLong.empty(),
                List.of(new SavedVcpu(List.of(), 0, VcpuStates.some())),
                new LinkedHashMap<>());
    }

    byte[] bytes() {
        return ram;
    }

    /** Changes a byte of a page. */
    void write(int page, int value) {
        ram[page * (int) PAGE_SIZE + 77] = (byte) value;
    }

    void set(byte[] content) {
        System.arraycopy(content, 0, ram, 0, ram.length);
    }

    /** Copies bytes to a position. */
    void write(int at, byte[] content) {
        System.arraycopy(content, 0, ram, at, content.length);
    }

    SnapshotFolder whole(Path folder) {
        return with(segment -> SnapshotFolder.write(state(MIB), List.of(), segment, folder));
    }

    SnapshotFolder diff(SnapshotFolder base, Path folder) {
        BitSet all = new BitSet();
        all.set(0, PAGES);
        return diff(base, all, folder);
    }

    SnapshotFolder diff(SnapshotFolder base, BitSet candidates, Path folder) {
        return with(segment -> SnapshotFolder.writeDiff(state(MIB), segment, base, candidates, folder));
    }

    /** Checksums are of memory outside of the heap, as that of machines is. */
    private SnapshotFolder with(Function<MemorySegment, SnapshotFolder> writing) {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment segment = arena.allocate(ram.length, PAGE_SIZE);
            MemorySegment.copy(ram, 0, segment, ValueLayout.JAVA_BYTE, 0, ram.length);
            return writing.apply(segment);
        }
    }
}
