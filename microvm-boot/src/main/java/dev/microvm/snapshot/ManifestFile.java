package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.microvm.model.SnapshotException;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.zip.CRC32C;

/**
 * The file with a {@link Manifest}. It begins with a magic number and the version of the format, so
 * that every later version can be told from a damaged file; then the length of the fields, the
 * fields, and their checksum.
 */
final class ManifestFile {
    /** The version of the format that is written; all from 1 on are read. */
    static final int FORMAT = 1;

    private static final int HEAP_SHARE = 8;

    private static final byte[] MAGIC = "MICROVM\n".getBytes(US_ASCII);
    private static final int HEADER = MAGIC.length + Integer.BYTES + Integer.BYTES;
    private static final int CHECKSUM = Integer.BYTES;

    private ManifestFile() {}

    /**
     * A manifest and what no other has.
     *
     * @param identity SHA-256 of the file, in hexadecimal digits
     */
    record Opened(Manifest manifest, String identity) {}

    /** Writes a manifest and returns its identity. */
    static String write(Manifest manifest, Path file) throws IOException {
        byte[] content = bytes(manifest);
        Files.write(file, content, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
        return identity(content);
    }

    /** Returns what {@link #write} writes. */
    static byte[] bytes(Manifest manifest) {
        byte[] fields = manifest.write().encode();
        ByteBuffer bytes = ByteBuffer.allocate(HEADER + fields.length + CHECKSUM)
                .put(MAGIC)
                .putInt(FORMAT)
                .putInt(fields.length)
                .put(fields);
        return bytes.putInt(checksum(bytes.array(), bytes.position())).array();
    }

    private static String identity(byte[] content) {
        return HexFormat.of().formatHex(Sha256.digest().digest(content));
    }

    private static int checksum(byte[] bytes, int length) {
        CRC32C crc = new CRC32C();
        crc.update(bytes, 0, length);
        return (int) crc.getValue();
    }

    /**
     * Reads a manifest.
     *
     * @throws SnapshotException if there is none, or it is of a newer version, damaged or impossible
     */
    static Opened read(Path file) {
        return read(file, bytes(file));
    }

    /** Reads one that is in the memory, and came from a file. */
    static Opened read(Path file, byte[] all) {
        try {
            DeviceState fields = DeviceState.decode(fields(file, all));
            if (fields.version() > Manifest.VERSION) throw newer(file, "version", fields.version(), Manifest.VERSION);
            return new Opened(Manifest.read(fields), identity(all));
        } catch (IllegalArgumentException | NullPointerException | ArithmeticException e) { // records refuse null
            throw new SnapshotException(
                    "snapshot: %s has impossible content: %s: take the snapshot again".formatted(file, e.getMessage()),
                    e);
        }
    }

    /** Returns how large a manifest may be: it is several times in the heap while it is read. */
    static long largest() {
        return Math.min(Integer.MAX_VALUE >> 1, Runtime.getRuntime().maxMemory() / HEAP_SHARE);
    }

    private static byte[] bytes(Path file) {
        try {
            long size = Files.size(file);
            if (size > largest()) {
                throw new SnapshotException(
                        "snapshot: %s has %d bytes, and the JVM's heap has room for %d: enlarge it by -Xmx"
                                .formatted(file, size, largest()));
            }
            return Files.readAllBytes(file);
        } catch (NoSuchFileException e) {
            throw new SnapshotException(
                    "%s is no snapshot: %s is missing: give the folder that MicroVm.snapshot wrote"
                            .formatted(file.toAbsolutePath().getParent(), file.getFileName()),
                    e);
        } catch (IOException e) {
            throw new SnapshotException("snapshot: %s cannot be read: %s".formatted(file, e), e);
        }
    }

    private static SnapshotException newer(Path file, String what, int found, int newest) {
        return new SnapshotException(
                "snapshot: %s has %s %d, and this version of microvm reads %ss 1 to %d: use a newer microvm"
                        .formatted(file, what, found, what, newest));
    }

    /** Checks what is around the fields, and returns these. */
    static byte[] fields(Path file, byte[] all) {
        if (all.length < HEADER || !Arrays.equals(all, 0, MAGIC.length, MAGIC, 0, MAGIC.length)) {
            throw new SnapshotException("snapshot: %s is no manifest of a snapshot".formatted(file));
        }
        ByteBuffer bytes = ByteBuffer.wrap(all).position(MAGIC.length);
        int format = bytes.getInt();
        if (format > FORMAT) {
            throw newer(file, "format", format, FORMAT);
        }
        int length = bytes.getInt();
        if (format < 1
                || length < 0
                || length != all.length - HEADER - CHECKSUM
                || checksum(all, HEADER + length) != bytes.getInt(HEADER + length)) {
            throw new SnapshotException(
                    "snapshot: %s is damaged: its checksum or length is wrong: copy the folder again, or take the snapshot again"
                            .formatted(file));
        }
        return Arrays.copyOfRange(all, HEADER, HEADER + length);
    }
}
