package dev.microvm.boot.image;

import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

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
    private final FileImage image;
    private final byte[] setup;

    /**
     * Loads {@code image}, a whole bzImage file that begins with {@code header}.
     *
     * @throws IOException if the file cannot be read
     */
    public BzImageLoader(SetupHeader header, FileImage image) throws IOException {
        this.header = header;
        this.image = image;
        setup = new byte[header.kernelOffset()];
        try (ImageReader reader = image.open(setup.length, Cancellation.NEVER)) {
            reader.read(MemorySegment.ofArray(setup));
        }
    }

    /** The header. */
    public SetupHeader header() {
        return header;
    }

    /** Returns a copy of the real-mode code, including the header. */
    public byte[] setup() {
        return setup.clone();
    }

    /** Returns the size in bytes of the protected-mode code and the rest of the file. */
    public long kernelSize() {
        return image.size() - header.kernelOffset();
    }

    /**
     * Copies a part of the protected-mode code and the rest of the file.
     *
     * @param offset of the first byte
     * @param to the target, whose size is the number of bytes to copy
     * @throws IOException if the file can no longer be read, or is shorter than it was
     */
    public void read(long offset, MemorySegment to) throws IOException {
        try (ImageReader reader = image.open(header.kernelOffset() + offset + to.byteSize(), Cancellation.NEVER)) {
            reader.skip(header.kernelOffset() + offset);
            reader.read(to);
        } catch (InvalidImageException e) {
            throw new IOException(image.file() + " is shorter than when it was opened", e);
        }
    }

    /** Returns the memory that the kernel uses if it is loaded at its preferred address. */
    public LoadedKernel footprint() {
        long start = header.prefAddress();
        return new LoadedKernel(start + ENTRY_64, start, start + Math.max(header.initSize(), header.kernelSize()));
    }

    /**
     * Copies the protected-mode code to its preferred address.
     *
     * @throws IOException if the file cannot be read
     * @throws InvalidImageException if it is shorter than when it was opened
     * @throws dev.microvm.memory.GuestMemoryException if that address range is not in {@code
     *     memory}
     * @throws java.util.concurrent.CancellationException if it is cancelled
     */
    public void load(GuestMemory memory, Cancellation cancellation) throws IOException {
        MemorySegment target = memory.slice(header.prefAddress(), header.kernelSize());
        try (ImageReader reader = image.open(image.size(), cancellation)) {
            reader.skip(header.kernelOffset());
            cancellation.forEachPiece(target, reader::read);
        }
    }
}
