package dev.microvm.console;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.jspecify.annotations.Nullable;

/**
 * Where a console leads on the host, open.
 *
 * @param input what is typed into the guest; null if nothing. Not closed
 * @param output gets what the guest prints; null if nothing does. Closed after the last of it
 * @param end to run at the end of the guest, on the thread that found out, so it must not block; more than once is once
 */
public record ConsoleEnds(
        @Nullable InputStream input, @Nullable OutputStream output, Runnable end) {
    public static final ConsoleEnds NONE = new ConsoleEnds(null, null, () -> {});

    /** Output alone. */
    public static ConsoleEnds to(OutputStream output) {
        return new ConsoleEnds(null, output, () -> {});
    }

    /** A stream of somebody else's, which stays open. */
    public static OutputStream unclosed(OutputStream stream) {
        return new Unclosed(stream);
    }

    /** Passes on all but {@link #close}. */
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
