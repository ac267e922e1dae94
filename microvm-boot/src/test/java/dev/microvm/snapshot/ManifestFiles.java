package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.zip.CRC32C;

/** Files of manifests that are intact around fields that are anything. */
final class ManifestFiles {
    private ManifestFiles() {}

    /** Writes one, with a right checksum, and returns it. */
    static Path write(Path file, byte[] fields) {
        ByteBuffer bytes = ByteBuffer.allocate(16 + fields.length + 4)
                .put("MICROVM\n".getBytes(US_ASCII))
                .putInt(ManifestFile.FORMAT)
                .putInt(fields.length)
                .put(fields);
        CRC32C crc = new CRC32C();
        crc.update(bytes.array(), 0, bytes.position());
        try {
            return Files.write(file, bytes.putInt((int) crc.getValue()).array());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
