package dev.microvm.cli.attach;

import java.io.IOException;
import java.io.OutputStream;

/** Writes to two streams. The second one gets everything even if the first one is broken. */
final class TeeOutput extends OutputStream {
    private final OutputStream first;
    private final OutputStream second;

    TeeOutput(OutputStream first, OutputStream second) {
        this.first = first;
        this.second = second;
    }

    @Override
    public void write(int b) throws IOException {
        write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        second.write(bytes, offset, length);
        first.write(bytes, offset, length);
    }

    @Override
    public void flush() throws IOException {
        first.flush();
    }
}
