package dev.microvm.machine;

import dev.microvm.linux.MemoryFile;
import dev.microvm.memory.RamBacking;
import java.lang.foreign.MemorySegment;
import java.lang.ref.Cleaner;

/**
 * RAM that nobody writes any more, in a file in memory. The file is closed when nothing refers to
 * this any more; mappings of it stay.
 */
final class FrozenRam {
    private static final Cleaner CLEANER = Cleaner.create();

    private final MemoryFile file;

    /** Makes a file of zeros. */
    FrozenRam(String machine, long size) {
        MemoryFile made = new MemoryFile("microvm-" + machine + "-fork", size);
        file = made;
        CLEANER.register(this, made::close);
    }

    MemoryFile file() {
        return file;
    }

    RamBacking backing() {
        return RamBacking.privateOf(file.path());
    }

    /** Lets memory be a private copy of this, in its place. */
    void replace(MemorySegment memory) {
        file.replace(memory);
    }
}
