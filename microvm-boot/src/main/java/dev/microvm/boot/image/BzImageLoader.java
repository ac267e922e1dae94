package dev.microvm.boot.image;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * Copies a bzImage to guest memory, for the guest to unpack. Any thread may use it.
 *
 * <p>Source: Linux Documentation/arch/x86/boot.rst, "Loading The Rest of The Kernel", "64-bit BOOT
 * PROTOCOL".
 */
public final class BzImageLoader {
    /** Offset of the 64-bit entry point from the start of the protected-mode code. */
    private static final int ENTRY_64 = 0x200;

    private final SetupHeader header;
    private final byte[] image;

    /** Loads {@code image}, a whole bzImage file that begins with {@code header}. */
    public BzImageLoader(SetupHeader header, byte[] image) {
        this.header = header;
        this.image = image;
    }

    /** The header. */
    public SetupHeader header() {
        return header;
    }

    /** Returns a copy of the real-mode code, including the header. */
    public byte[] setup() {
        return Arrays.copyOf(image, header.kernelOffset());
    }

    /** Returns the protected-mode code and the rest of the file; not a copy. */
    public MemorySegment kernel() {
        return MemorySegment.ofArray(image).asSlice(header.kernelOffset()).asReadOnly();
    }

    /** Returns the memory that the kernel uses if it is loaded at its preferred address. */
    public LoadedKernel footprint() {
        long start = header.prefAddress();
        return new LoadedKernel(start + ENTRY_64, start, start + Math.max(header.initSize(), header.kernelSize()));
    }

    /**
     * Copies the protected-mode code to its preferred address.
     *
     * @throws dev.microvm.memory.GuestMemoryException if that address range is not in {@code
     *     memory}
     */
    public void load(GuestMemory memory) {
        int size = (int) header.kernelSize(); // below 2 GiB, since the array has it
        MemorySegment target = memory.slice(header.prefAddress(), size);
        MemorySegment.copy(image, header.kernelOffset(), target, JAVA_BYTE, 0, size);
    }
}
