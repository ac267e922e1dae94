package dev.microvm.boot;

import dev.microvm.boot.image.FileImageReader;
import dev.microvm.boot.image.ImageReader;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** An initial file system, or several one after the other, as a kernel finds it in memory. */
public final class Initrd {
    private static final String OPTION = "initrd";

    private final @Nullable Path file;
    private final MemorySegment bytes; // of no file
    private final long size;

    private Initrd(@Nullable Path file, MemorySegment bytes, long size) {
        this.file = file;
        this.bytes = bytes;
        this.size = size;
    }

    /** One that is in memory; the array is not copied. */
    public static Initrd of(byte[] bytes) {
        return new Initrd(null, MemorySegment.ofArray(bytes), bytes.length);
    }

    /**
     * One that is a file, which is read when the guest starts.
     *
     * @throws BootException if it is not a file that can be read
     */
    public static Initrd open(Path file) {
        long size = ImageFiles.requireReadable(file, "an initrd");
        return new Initrd(file, MemorySegment.NULL, size);
    }

    /** Its size in bytes. */
    public long size() {
        return size;
    }

    /** The file, or the option. */
    String subject() {
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
        if (file == null) {
            MemorySegment.copy(bytes, offset, to, 0, to.byteSize());
            return;
        }
        try (ImageReader reader = new FileImageReader(file)) {
            reader.skip(offset);
            reader.read(to);
        } catch (InvalidImageException e) {
            throw new IOException(file + " is shorter than it was", e);
        }
    }

    /** Copies it to {@code address}. */
    void load(GuestMemory memory, long address) {
        MemorySegment target = memory.slice(address, size);
        if (file == null) {
            target.copyFrom(bytes);
            return;
        }
        try (ImageReader reader = new FileImageReader(file)) {
            reader.read(target);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, "an initrd", e);
        } catch (InvalidImageException e) {
            throw new BootException(file.toString(), "an initrd of still %d bytes".formatted(size), e.found(), e);
        }
    }
}
