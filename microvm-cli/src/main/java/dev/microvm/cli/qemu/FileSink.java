package dev.microvm.cli.qemu;

import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/** A file that receives output, or nothing at all. */
final class FileSink implements Channel {
    private final OutputStream out;

    private FileSink(OutputStream out) {
        this.out = out;
    }

    static FileSink to(Path file, boolean append) throws IOException {
        return new FileSink(Files.newOutputStream(
                file,
                StandardOpenOption.CREATE,
                StandardOpenOption.WRITE,
                append ? StandardOpenOption.APPEND : StandardOpenOption.TRUNCATE_EXISTING));
    }

    static FileSink toNothing() {
        return new FileSink(OutputStream.nullOutputStream());
    }

    @Override
    public void start(User user) throws IOException {
        user.connected();
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
        out.write(bytes, offset, length);
    }

    @Override
    public void close() {
        try {
            out.close();
        } catch (IOException e) {
            // what was written is in the file
        }
    }
}
