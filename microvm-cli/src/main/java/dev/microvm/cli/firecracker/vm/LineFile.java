package dev.microvm.cli.firecracker.vm;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * A file or FIFO that receives lines. A FIFO is opened without waiting for its reader, which must
 * read it: a full one blocks. Any thread may call.
 */
final class LineFile {
    private final RandomAccessFile file;

    /** Opens it, behind what it has; makes it if it is not there. */
    LineFile(Path path) throws IOException {
        file = new RandomAccessFile(path.toFile(), "rw"); // for both, so that opening a FIFO does not wait
        if (Files.isRegularFile(path)) file.seek(file.length());
    }

    synchronized void write(String line) throws IOException {
        file.write((line + "\n").getBytes(StandardCharsets.UTF_8));
    }
}
