package dev.microvm.sandbox.root.source;

import dev.microvm.sandbox.root.tree.RawName;
import dev.microvm.sandbox.tar.BoundedInput;
import dev.microvm.sandbox.tar.TarEntry;
import dev.microvm.sandbox.tar.TarHeader;
import dev.microvm.sandbox.tar.TarReader;
import java.io.BufferedInputStream;
import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/** Where the files of a tar archive are, to read them one by one. Any thread may use it. */
public final class ArchiveIndex {
    private static final int MAX_FILES = 1_000_000;

    private final Path archive;
    private final Map<String, Place> places = new HashMap<>(); // by names without a leading ./

    private record Place(long offset, long size) {}

    private ArchiveIndex(Path archive) {
        this.archive = archive;
    }

    /**
     * Reads the headers of an archive that is not compressed.
     *
     * @throws dev.microvm.sandbox.root.tree.RootContentException if it is none
     * @throws IOException if it cannot be read
     */
    public static ArchiveIndex read(Path archive) throws IOException {
        ArchiveIndex index = new ArchiveIndex(archive);
        try (SeekableByteChannel channel = Files.newByteChannel(archive)) {
            TarReader tar = new TarReader(Channels.newInputStream(channel)); // without a buffer: so position() is right
            for (TarEntry entry = tar.next(); entry != null; entry = tar.next()) {
                String name = entry.name().startsWith("./") ? entry.name().substring(2) : entry.name();
                if (entry.type() == TarEntry.FILE) {
                    index.places.put(name, new Place(channel.position(), entry.size()));
                }
                if (index.places.size() > MAX_FILES) throw TarHeader.broken("it has more than a million files");
            }
        } catch (EOFException e) {
            throw TarHeader.broken("it is cut short");
        }
        return index;
    }

    /** Opens a file; null if there is no such file. */
    public @Nullable InputStream open(String name) throws IOException {
        Place place = places.get(RawName.of(name));
        if (place == null) return null;
        SeekableByteChannel channel = Files.newByteChannel(archive);
        channel.position(place.offset());
        return new BufferedInputStream(new BoundedInput(Channels.newInputStream(channel), place.size()));
    }
}
