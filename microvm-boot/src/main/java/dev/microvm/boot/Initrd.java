package dev.microvm.boot;

import dev.microvm.boot.image.Cancellation;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Objects;

/** An initial file system, or several one after the other, for a kernel to find in memory. */
public final class Initrd {
    private static final String OPTION = "initrd";
    private static final String WHAT = "an initrd";

    private final BootFile contents;

    private Initrd(BootFile contents) {
        this.contents = contents;
    }

    /** Makes an initrd of bytes in memory; the array is not copied. */
    public static Initrd of(byte[] bytes) {
        Objects.requireNonNull(bytes, "bytes");
        return new Initrd(BootFile.of(WHAT, bytes));
    }

    /**
     * Makes an initrd of a file, which is read when the guest starts.
     *
     * @throws BootException if it is not a readable file
     */
    public static Initrd open(Path file) {
        Objects.requireNonNull(file, "file");
        return new Initrd(BootFile.open(WHAT, file));
    }

    /** Returns its size in bytes. */
    public long size() {
        return contents.size();
    }

    /** Returns the file, or the option if there is no file. */
    String subject() {
        Path file = contents.file();
        return file == null ? OPTION : file.toString();
    }

    /**
     * Returns its address: as high as allowed, at the start of a page.
     *
     * @param ramEnd first address after the RAM for it
     * @param addressMax maximum address of its last byte
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
                    "one of %d bytes; %s".formatted(size, remedy(end, ramEnd, kernelEnd)));
        }
        return address;
    }

    /** What to do if the RAM ends too early, or if the kernel cannot use more of it. */
    private String remedy(long end, long ramEnd, long kernelEnd) {
        long needed = MemoryNeed.after(kernelEnd, size());
        return end < ramEnd || needed <= ramEnd
                ? "this kernel takes no initrd above 0x%x: make it smaller".formatted(end)
                : MemoryNeed.remedy(needed);
    }

    /**
     * Copies a part of it. Any thread may call.
     *
     * @param offset of the first byte
     * @param to the target, whose size is the number of bytes to copy
     * @throws IOException if the file can no longer be read
     */
    public void read(long offset, MemorySegment to) throws IOException {
        Objects.requireNonNull(to, "to");
        contents.read(offset, to);
    }

    /** Copies it to {@code address}. */
    void load(GuestMemory memory, long address, Cancellation cancellation) {
        contents.load(memory, address, cancellation);
    }
}
