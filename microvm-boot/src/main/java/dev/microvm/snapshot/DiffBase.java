package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.state.DeviceState;
import java.nio.file.Path;
import java.util.BitSet;
import java.util.HexFormat;
import java.util.Optional;

/**
 * What a snapshot with only a part of the RAM stands on: another snapshot, and which pages differ
 * from it.
 *
 * @param folder of the other snapshot, seen from this one's: so both can be moved together
 * @param identity of the other snapshot: {@link ManifestFile.Opened#identity}
 * @param changed numbers of the pages that differ, of 4 KiB each
 */
record DiffBase(Path folder, String identity, BitSet changed) {
    private static final String FOLDER = "base.folder";
    private static final String IDENTITY = "base.identity";
    private static final String CHANGED = "memory.changed"; // a bit for each page

    DiffBase {
        changed = (BitSet) changed.clone();
    }

    /**
     * Describes the base of a snapshot in a folder: one beside it by its name, another by its whole
     * path.
     */
    static DiffBase of(SnapshotFolder base, Path folder, BitSet changed) {
        Path from = base.path();
        Path parent = from.getParent();
        boolean beside = parent != null && parent.equals(folder.getParent());
        return new DiffBase(beside ? Path.of("..").resolve(from.getFileName()) : from, base.identity(), changed);
    }

    /** Returns where the base of a snapshot in a folder is. */
    Path from(Path snapshot) {
        return snapshot.resolve(folder).normalize();
    }

    void write(DeviceState to) {
        to.put(FOLDER, folder.toString().getBytes(UTF_8))
                .put(IDENTITY, HexFormat.of().parseHex(identity))
                .put(CHANGED, changed.toLongArray());
    }

    /** Reads what {@link #write} wrote; empty if there is none. */
    static Optional<DiffBase> read(FieldReader from) {
        if (!from.has(FOLDER)) return Optional.empty();
        Path folder = (Path) LeafFields.read(from, FOLDER, Path.class);
        String identity = HexFormat.of().formatHex(from.bytes(IDENTITY));
        return Optional.of(new DiffBase(folder, identity, BitSet.valueOf(from.numbers(CHANGED))));
    }
}
