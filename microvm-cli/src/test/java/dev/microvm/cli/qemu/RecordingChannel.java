package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;

/** Keeps what is written to it. */
final class RecordingChannel implements Channel {
    private final ByteArrayOutputStream written = new ByteArrayOutputStream();

    @Override
    public void start(User user) {}

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        written.write(bytes, offset, length);
    }

    /** Returns what was written since the last call. */
    synchronized String take() {
        String text = written.toString(UTF_8);
        written.reset();
        return text;
    }

    @Override
    public void close() {}
}
