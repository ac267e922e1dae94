package dev.microvm.sandbox.root.oci;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;

/** The blobs of an image layout: a folder as image-layout.md describes, or a tar archive of one. */
public interface LayoutBlobs extends Blobs {
    /** Opens a file of the layout by its path in it. */
    InputStream file(String path) throws IOException;

    @Override
    default InputStream open(Descriptor blob) throws IOException {
        return file("blobs/" + blob.algorithm() + "/" + blob.hex());
    }

    /**
     * Opens a layout.
     *
     * @param path a folder, or a tar archive that is not compressed
     * @throws RootContentException if it is neither
     */
    static LayoutBlobs at(Path path) {
        if (Files.isDirectory(path)) return file -> openIn(path, file);
        if (Files.isRegularFile(path)) return new LayoutArchive(path);
        throw new RootContentException(
                "it is neither a folder nor a file", "give the path of an OCI layout or archive");
    }

    private static InputStream openIn(Path folder, String file) throws IOException {
        try {
            return Files.newInputStream(folder.resolve(file));
        } catch (NoSuchFileException e) {
            throw missing(file);
        }
    }

    /** The error of a file that a layout does not have. */
    static RootContentException missing(String file) {
        return new RootContentException("it has no " + file, "give a whole OCI layout, such as skopeo copy writes");
    }
}
