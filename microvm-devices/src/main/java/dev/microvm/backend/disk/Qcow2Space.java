package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.Qcow2Format.*;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/**
 * Protects the metadata of a qcow2 file. An image with data or tables at these places is corrupt,
 * and is not written any more.
 */
final class Qcow2Space {
    private final ImageFile file;
    private final Qcow2Header header;
    private final boolean writable;
    private @Nullable Qcow2Table l1;
    private @Nullable Qcow2Table refcountTable;
    private @Nullable String corruption;

    Qcow2Space(ImageFile file, Qcow2Header header, boolean writable) {
        this.file = file;
        this.header = header;
        this.writable = writable;
    }

    void l1(Qcow2Table table) {
        l1 = table;
    }

    void refcountTable(Qcow2Table table) {
        refcountTable = table;
    }

    /** Returns whether a range is outside the header, the L1 table and the refcount table. */
    boolean isFree(long position, long length) {
        return position >= header.clusterSize()
                && !overlaps(position, length, l1)
                && !overlaps(position, length, refcountTable);
    }

    private static boolean overlaps(long position, long length, @Nullable Qcow2Table table) {
        return table != null && position < table.position() + table.size() && table.position() < position + length;
    }

    /** Checks that a range is free for data or a table; throws {@link BlockException} if not. */
    void check(long position, long length) {
        if (!isFree(position, length)) {
            throw corrupt("data at 0x%x, which belongs to the image's own tables".formatted(position));
        }
    }

    /** Checks that the image is not known to be corrupt; throws {@link BlockException} if it is. */
    void checkIntact() {
        if (corruption != null) {
            throw problem("it is corrupt (%s), and is not written any more".formatted(corruption));
        }
    }

    /**
     * Marks the image as corrupt, also in the file, so that no program writes it before a repair.
     * Returns the error to throw.
     */
    BlockException corrupt(String what) {
        BlockException error = problem("it is corrupt: " + what + "; repair it with qemu-img check -r all");
        if (corruption != null) return error;
        corruption = what;
        if (!writable || header.version() < 3) return error;
        try (Arena scratch = Arena.ofConfined()) {
            MemorySegment features = scratch.allocate(Long.BYTES);
            features.set(BE_LONG, 0, header.incompatible() | 1L << CORRUPT);
            file.write(INCOMPATIBLE_FEATURES, features, 0, Long.BYTES);
        } catch (BlockException e) {
            error.addSuppressed(e);
        }
        return error;
    }

    BlockException problem(String text) {
        return new BlockException("disk image " + file.path() + ": " + text);
    }
}
