package dev.microvm.machine;

import dev.microvm.memory.RamBacking;
import java.lang.foreign.MemorySegment;

/** The RAM that a machine continues with. Any number of machines may use one, at the same time. */
public interface RamImage {
    /** Returns what the RAM is made from. */
    RamBacking backing();

    /** Changes RAM that was made from {@link #backing} to what it must be. */
    void complete(MemorySegment ram);

    /** Returns RAM that is what it is made from. */
    static RamImage of(RamBacking backing) {
        return new RamImage() {
            @Override
            public RamBacking backing() {
                return backing;
            }

            @Override
            public void complete(MemorySegment ram) {}
        };
    }
}
