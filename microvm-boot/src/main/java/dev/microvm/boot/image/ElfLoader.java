package dev.microvm.boot.image;

import dev.microvm.boot.image.ElfHeader.Segment;
import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.io.OutputStream;
import java.lang.foreign.MemorySegment;
import java.util.OptionalLong;

/**
 * Copies an ELF kernel's segments to their physical addresses, in one pass over the image. Any
 * thread may use it.
 *
 * <p>Relocations are not applied: the kernel runs where it was linked.
 */
public final class ElfLoader {
    /** Maximum size of notes that are read, in bytes; a Linux kernel has some hundred bytes. */
    private static final int MAX_NOTES_SIZE = 64 * 1024;

    private static final int CHUNK_SIZE = 1 << 20; // bytes

    private final ElfHeader header;
    private final ImageSource source;

    /** Makes a loader of the image in {@code source}, which begins with {@code header}. */
    public ElfLoader(ElfHeader header, ImageSource source) {
        this.header = header;
        this.source = source;
    }

    /** The headers. */
    public ElfHeader header() {
        return header;
    }

    /**
     * Returns the 32-bit entry point in the image's notes, by which PVH starts it; empty if there
     * is none.
     *
     * @throws IOException if the file cannot be read
     * @throws InvalidImageException if the image ends before its notes, or cannot be unpacked
     */
    public OptionalLong pvhEntry() throws IOException {
        for (Segment segment : header.segments()) {
            if (segment.type() != ElfHeader.PT_NOTE) continue;
            byte[] notes = new byte[(int) Math.min(segment.fileSize(), MAX_NOTES_SIZE)];
            try (ImageReader reader = source.open(segment.offset() + notes.length)) {
                reader.skip(segment.offset());
                reader.read(MemorySegment.ofArray(notes));
            }
            OptionalLong entry = ElfNotes.pvhEntry(notes);
            if (entry.isPresent()) return entry;
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
        try (ImageReader reader = source.open(header.fileEnd())) {
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
        try (ImageReader reader = source.open(left)) {
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
