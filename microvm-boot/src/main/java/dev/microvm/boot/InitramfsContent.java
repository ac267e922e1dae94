package dev.microvm.boot;

import dev.microvm.boot.image.FileImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** Bytes of an initial file system: in memory, or in a file, whose size must not change. */
final class InitramfsContent implements CpioWriter.Content {
    /** No bytes. */
    static final InitramfsContent NONE = of(new byte[0]);

    private static final String WHAT = "a file for the initramfs";

    private final @Nullable Path file;
    private final byte[] bytes; // if there is no file
    private final long size;

    private InitramfsContent(@Nullable Path file, byte[] bytes, long size) {
        this.file = file;
        this.bytes = bytes;
        this.size = size;
    }

    /** These bytes; the array is not copied. */
    static InitramfsContent of(byte[] bytes) {
        return new InitramfsContent(null, bytes, bytes.length);
    }

    /**
     * The bytes of a file.
     *
     * @throws BootException if it is not a readable file
     */
    static InitramfsContent of(Path file) {
        return new InitramfsContent(file, new byte[0], ImageFiles.requireReadable(file, WHAT));
    }

    /** Returns the file's name, or {@code otherwise} for bytes in memory. */
    String subject(String otherwise) {
        return file == null ? otherwise : file.toString();
    }

    @Override
    public long size() {
        return size;
    }

    /** Opens it as a stream, which supports {@link InputStream#mark}. */
    InputStream open() throws IOException {
        return file == null ? new ByteArrayInputStream(bytes) : new FileImage(file, 0, size).stream();
    }

    @Override
    public void writeTo(OutputStream out) throws IOException {
        if (file == null) {
            out.write(bytes);
            return;
        }
        long written;
        try (InputStream in = Files.newInputStream(file)) {
            written = in.transferTo(out);
        } catch (FileSystemException e) {
            throw ImageFiles.unreadable(file, WHAT, e);
        }
        if (written != size) {
            throw new BootException(
                    file.toString(), "%d bytes, its size when it was added".formatted(size), written + " bytes");
        }
    }
}
