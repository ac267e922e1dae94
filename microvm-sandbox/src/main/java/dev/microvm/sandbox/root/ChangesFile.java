package dev.microvm.sandbox.root;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.sandbox.root.ext4.EmptyExt4;
import dev.microvm.sandbox.root.source.Digests;
import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HexFormat;
import java.util.UUID;

/**
 * A file with what a guest changed over a read-only root: a file system of ext4, which the guest has
 * as its second disk. Its label says over which root, because an overlay over another one has no
 * meaning.
 *
 * @param path of the file, which is made if it is not there
 * @param bytes size of its file system when it is made
 */
record ChangesFile(Path path, long bytes) {
    private static final int LABEL_BYTES = 8; // 16 characters, as many as a label has

    /**
     * Returns the disk, with an empty file system if there was no file.
     *
     * @param key of the root
     * @throws RootContentException if the file cannot be made, or belongs to something else
     */
    DiskImage open(String key) {
        String label = label(key);
        try {
            if (!Files.exists(path)) make(label);
            try (FileChannel file = FileChannel.open(path, StandardOpenOption.READ)) {
                if (EmptyExt4.label(file).equals(label)) return DiskImage.raw(path);
            }
        } catch (IOException e) {
            throw new RootContentException(
                    "the file for changes %s cannot be used: %s".formatted(path, e),
                    "name one in a writable folder",
                    e);
        }
        throw new RootContentException(
                "the file %s has no changes of this root, but of another one, or of an older content of it"
                        .formatted(path),
                "use a file for each root, or delete the file to begin again");
    }

    /** A file appears under its name complete. */
    private void make(String label) throws IOException {
        Path part = path.resolveSibling(path.getFileName() + "." + UUID.randomUUID() + ".part");
        try {
            try (FileChannel file = FileChannel.open(part, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                new EmptyExt4(bytes, label).writeTo(file);
            }
            Files.move(part, path);
        } catch (FileAlreadyExistsException e) {
            return; // another process made it meanwhile: the lock of the disk decides who has it
        } finally {
            Files.deleteIfExists(part);
        }
    }

    private static String label(String key) {
        byte[] digest = Digests.sha256().digest(key.getBytes(StandardCharsets.UTF_8));
        return HexFormat.of().formatHex(digest, 0, LABEL_BYTES);
    }
}
