package dev.microvm.boot.image;

import dev.microvm.boot.image.ElfHeader.Segment;
import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.OptionalLong;
import org.jspecify.annotations.Nullable;

/**
 * Copies an ELF kernel's segments to their physical addresses, in one pass over the image. Any
 * thread may use it.
 *
 * <p>Relocations are not applied: the kernel runs where it was linked.
 */
public final class ElfLoader {
    /** Maximum size of notes that are read, in bytes; a Linux kernel has some hundred bytes. */
    private static final int MAX_NOTES_SIZE = 64 * 1024;

    /** The same for all notes of an image. */
    private static final int MAX_ALL_NOTES_SIZE = 1 << 20;

    private static final int CHUNK_SIZE = 1 << 20; // bytes

    private final ElfHeader header;
    private final ImageSource source;
    private volatile @Nullable OptionalLong pvhEntry; // once it was looked for

    /** Makes a loader of the image in {@code source}, which begins with {@code header}. */
    public ElfLoader(ElfHeader header, ImageSource source) {
        this.header = header;
        this.source = source;
    }

    /** The headers. */
    public ElfHeader header() {
        return header;
    }

    /** Whether the image must be unpacked as far as it is read. */
    public boolean isPacked() {
        return source.isPacked();
    }

    /**
     * Returns the 32-bit entry point in the image's notes, by which PVH starts it; empty if there
     * is none. Notes behind the first MiB of them are not looked at.
     *
     * @throws IOException if the file cannot be read
     * @throws InvalidImageException if the image ends before its notes, or cannot be unpacked
     */
    public OptionalLong pvhEntry() throws IOException {
        OptionalLong known = pvhEntry;
        if (known != null) return known;
        OptionalLong found = findPvhEntry();
        pvhEntry = found;
        return found;
    }

    /** Looks at all notes in one pass over the image, which may have to be unpacked for that. */
    private OptionalLong findPvhEntry() throws IOException {
        List<Segment> notes = header.notes();
        if (notes.isEmpty()) return OptionalLong.empty();
        Segment last = notes.getLast();
        try (ImageReader reader = source.open(last.offset() + MAX_NOTES_SIZE, Cancellation.NEVER)) {
            long position = 0;
            long total = 0;
            for (Segment segment : notes) {
                if (segment.offset() < position || total >= MAX_ALL_NOTES_SIZE) continue; // they were read, or too many
                byte[] bytes = new byte[(int) Math.min(segment.fileSize(), MAX_NOTES_SIZE)];
                reader.skip(segment.offset() - position);
                reader.read(MemorySegment.ofArray(bytes));
                position = segment.offset() + bytes.length;
                total += bytes.length;
                OptionalLong entry = ElfNotes.pvhEntry(bytes);
                if (entry.isPresent()) return entry;
            }
        }
        return OptionalLong.empty();
    }

    /**
     * Copies every segment to {@code memory}, and clears the part that is not in the file.
     *
     * @throws IOException if the file cannot be read
     * @throws InvalidImageException if the image ends early or cannot be unpacked
     * @throws dev.microvm.memory.GuestMemoryException if a segment is not in {@code memory}
     * @throws java.util.concurrent.CancellationException if it is cancelled
     */
    public void load(GuestMemory memory, Cancellation cancellation) throws IOException {
        try (ImageReader reader = source.open(header.fileEnd(), cancellation)) {
            long position = 0;
            for (Segment segment : header.loads()) {
                MemorySegment target = memory.slice(segment.address(), segment.memorySize());
                if (segment.fileSize() > 0) {
                    cancellation.skip(reader, segment.offset() - position);
                    cancellation.forEachPiece(target.asSlice(0, segment.fileSize()), reader::read);
                    position = segment.fileEnd();
                }
                cancellation.forEachPiece(target.asSlice(segment.fileSize()), ElfLoader::clear);
            }
        }
    }

    /**
     * Writes the part of the image that a loader reads to {@code out}, without sections; the
     * written header has none.
     *
     * @throws IOException if the file cannot be read, or {@code out} cannot be written
     * @throws InvalidImageException if the image ends early or cannot be unpacked
     */
    public void copy(OutputStream out) throws IOException {
        byte[] chunk = new byte[CHUNK_SIZE];
        long left = header.fileEnd();
        try (ImageReader reader = source.open(left, Cancellation.NEVER)) {
            for (boolean first = true; left > 0; first = false) {
                int size = (int) Math.min(chunk.length, left);
                reader.read(MemorySegment.ofArray(chunk).asSlice(0, size));
                if (first) ElfHeader.forgetSections(chunk);
                out.write(chunk, 0, size);
                left -= size;
            }
        }
    }

    /**
     * Zeros a range, but does not write to pages that are already zero: an untouched page of guest
     * memory costs nothing.
     */
    private static void clear(MemorySegment target) {
        MemorySegment zeros = MemorySegment.ofArray(new byte[4096]);
        for (long at = 0; at < target.byteSize(); at += zeros.byteSize()) {
            long size = Math.min(zeros.byteSize(), target.byteSize() - at);
            if (MemorySegment.mismatch(target, at, at + size, zeros, 0, size) >= 0) {
                target.asSlice(at, size).fill((byte) 0);
            }
        }
    }
}
