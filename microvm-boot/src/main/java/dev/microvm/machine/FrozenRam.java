package dev.microvm.machine;

import dev.microvm.linux.MemoryFile;
import dev.microvm.memory.RamBacking;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/**
 * RAM that nobody writes any more, in a file in memory. The machines and images that need the file
 * hold it; it is closed when the last of them lets it go. Mappings of it stay. Any thread may call.
 */
final class FrozenRam {
    private final MemoryFile file;
    private int holders = 1; // guarded by this

    private FrozenRam(MemoryFile file) {
        this.file = file;
    }

    /** Makes a file of zeros, which the caller holds. */
    static FrozenRam ofZeros(String machine, long size) {
        return new FrozenRam(new MemoryFile("microvm-" + machine + "-fork", size));
    }

    /** Takes the file that a machine's RAM is in, which the caller holds. */
    static FrozenRam ofFile(Path file, long size) {
        return new FrozenRam(MemoryFile.open(file, size));
    }

    MemoryFile file() {
        return file;
    }

    RamBacking backing() {
        return RamBacking.privateOf(file.path());
    }

    /**
     * Lets memory be a private copy of this, in its place, and nobody write this from now on.
     *
     * @return frees what was there
     */
    Runnable replace(MemorySegment memory) {
        Runnable frees = file.replace(memory);
        file.seal();
        return frees;
    }

    /** Holds it for one more; the caller holds it, or something that does. */
    synchronized void hold() {
        holders++;
    }

    /** Lets it go, once for each {@link #hold}. */
    synchronized void letGo() {
        if (--holders == 0) file.close();
    }
}
