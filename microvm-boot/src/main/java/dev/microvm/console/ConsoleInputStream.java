package dev.microvm.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.util.Objects;

/** Reads a {@link ConsoleBuffer.Reader} as a stream. For one thread. */
final class ConsoleInputStream extends InputStream {
    private final ConsoleBuffer.Reader reader;

    ConsoleInputStream(ConsoleBuffer.Reader reader) {
        this.reader = reader;
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xFF;
    }

    @Override
    public int read(byte[] to, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, to.length);
        if (length == 0) return 0;
        try {
            byte[] bytes = reader.read(length);
            if (bytes == null) return -1;
            System.arraycopy(bytes, 0, to, offset, bytes.length);
            return bytes.length;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for the guest to print");
        }
    }

    @Override
    public int available() {
        return reader.available();
    }

    @Override
    public void close() {
        reader.detach();
    }
}
