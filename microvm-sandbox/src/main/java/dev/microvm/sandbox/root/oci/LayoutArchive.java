package dev.microvm.sandbox.root.oci;

import dev.microvm.sandbox.root.source.ArchiveIndex;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** An image layout in a tar archive, whose entries are read where they are. For one thread. */
final class LayoutArchive implements LayoutBlobs {
    private final Path archive;
    private @Nullable ArchiveIndex index;

    LayoutArchive(Path archive) {
        this.archive = archive;
    }

    @Override
    public InputStream file(String path) throws IOException {
        if (index == null) index = ArchiveIndex.read(archive);
        InputStream content = index.open(path);
        if (content == null) throw LayoutBlobs.missing(path);
        return content;
    }
}
