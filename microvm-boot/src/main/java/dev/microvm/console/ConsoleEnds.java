package dev.microvm.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/**
 * The open streams that connect a console to the host.
 *
 * @param input supplies what is typed into the guest; null if nothing is. Not closed
 * @param output receives what the guest prints; null if nothing does. Closed after the last byte
 * @param end runs when the guest ends, on the thread that noticed it: must not block. It may run
 *     several times and acts only once
 */
public record ConsoleEnds(
        @Nullable InputStream input, @Nullable OutputStream output, Runnable end) {
    /** No connection. */
    public static final ConsoleEnds NONE = new ConsoleEnds(null, null, () -> {});

    /** Output alone. */
    public static ConsoleEnds to(OutputStream output) {
        return new ConsoleEnds(null, output, () -> {});
    }

    /** Wraps a user's stream, so that it stays open. */
    public static OutputStream unclosed(OutputStream stream) {
        return new Unclosed(stream);
    }

    /** Forwards everything but {@link #close}. */
    private static final class Unclosed extends OutputStream {
        private final OutputStream to;

        Unclosed(OutputStream to) {
            this.to = to;
        }

        @Override
        public void write(int b) throws IOException {
            to.write(b);
        }

        @Override
        public void write(byte[] bytes, int offset, int length) throws IOException {
            to.write(bytes, offset, length);
        }

        @Override
        public void flush() throws IOException {
            to.flush();
        }

        @Override
        public void close() {}
    }
}
