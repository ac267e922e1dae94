package dev.microvm.boot;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;

/** An initial file system, or several one after the other, as a kernel finds it in memory. */
public final class Initrd {
    private static final String OPTION = "initrd";
    private static final String WHAT = "an initrd";

    private final BootFile contents;

    private Initrd(BootFile contents) {
        this.contents = contents;
    }

    /** One that is in memory; the array is not copied. */
    public static Initrd of(byte[] bytes) {
        return new Initrd(BootFile.of(WHAT, bytes));
    }

    /**
     * One that is a file, which is read when the guest starts.
     *
     * @throws BootException if it is not a file that can be read
     */
    public static Initrd open(Path file) {
        return new Initrd(BootFile.open(WHAT, file));
    }

    /** Its size in bytes. */
    public long size() {
        return contents.size();
    }

    /** The file, or the option. */
    String subject() {
        Path file = contents.file();
        return file == null ? OPTION : file.toString();
    }

    /**
     * Where it goes: as high as it may, at the start of a page.
     *
     * @param ramEnd first address after the RAM it can be in
     * @param addressMax the highest address that its last byte may have
     * @param kernelEnd first address that the kernel does not use
     * @throws BootException if there is no room
     */
    long place(long ramEnd, long addressMax, long kernelEnd) {
        long size = size();
        long end = Math.min(ramEnd, addressMax + 1);
        long address = (end - size) & -GuestMemoryRegion.PAGE_SIZE;
        if (size > end || address < kernelEnd) {
            throw new BootException(
                    subject(),
                    "an initrd that fits between the kernel's end 0x%x and 0x%x, which is %d bytes"
                            .formatted(kernelEnd, end, Math.max(0, end - kernelEnd)),
                    "one of %d bytes; give the guest more memory".formatted(size));
        }
        return address;
    }

    /**
     * Copies a piece of it. Any thread may call.
     *
     * @param offset of the first byte
     * @param to as many bytes as are wanted
     * @throws IOException if the file cannot be read any more
     */
    public void read(long offset, MemorySegment to) throws IOException {
        contents.read(offset, to);
    }

    /** Copies it to {@code address}. */
    void load(GuestMemory memory, long address) {
        contents.load(memory, address);
    }
}
