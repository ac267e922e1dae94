package dev.microvm.boot;

import dev.microvm.boot.image.Cancellation;
import dev.microvm.boot.image.FileImageReader;
import dev.microvm.boot.image.ImageReader;
import dev.microvm.boot.image.InvalidImageException;
import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/**
 * Bytes for a guest, in memory or in a file that is read when the guest starts or asks for them.
 */
final class BootFile {
    private final String what; // with its article, for messages
    private final @Nullable Path file;
    private final MemorySegment bytes; // if there is no file
    private final long size;

    private BootFile(String what, @Nullable Path file, MemorySegment bytes, long size) {
        this.what = what;
        this.file = file;
        this.bytes = bytes;
        this.size = size;
    }

    /** Bytes in memory; the array is not copied. */
    static BootFile of(String what, byte[] bytes) {
        return new BootFile(what, null, MemorySegment.ofArray(bytes), bytes.length);
    }

    /**
     * Bytes in a file.
     *
     * @param what it should be, such as "an initrd"
     * @throws BootException if it is not a readable file
     */
    static BootFile open(String what, Path file) {
        return new BootFile(what, file, MemorySegment.NULL, ImageFiles.requireReadable(file, what));
    }

    /** Returns the file; null for bytes in memory. */
    @Nullable
    Path file() {
        return file;
    }

    /** Returns the number of bytes. */
    long size() {
        return size;
    }

    /**
     * Copies a part of the bytes. Any thread may call.
     *
     * @param offset of the first byte
     * @param to the target, whose size is the number of bytes to copy
     * @throws IOException if the file can no longer be read
     */
    void read(long offset, MemorySegment to) throws IOException {
        if (file == null) {
            MemorySegment.copy(bytes, offset, to, 0, to.byteSize());
            return;
        }
        try (ImageReader reader = new FileImageReader(file)) {
            reader.skip(offset);
            reader.read(to);
        } catch (InvalidImageException e) {
            throw new IOException(file + " is shorter than when it was opened", e);
        }
    }

    /** Copies all bytes to {@code address}. */
    void load(GuestMemory memory, long address, Cancellation cancellation) {
        if (size == 0) return;
        MemorySegment target = memory.slice(address, size);
        if (file == null) {
            target.copyFrom(bytes);
            return;
        }
        try (ImageReader reader = new FileImageReader(file)) {
            cancellation.forEachPiece(target, reader::read);
        } catch (IOException e) {
            throw ImageFiles.unreadable(file, what, e);
        } catch (InvalidImageException e) {
            throw new BootException(
                    file.toString(), "%s of %d bytes, its size when it was opened".formatted(what, size), e.found(), e);
        }
    }
}
