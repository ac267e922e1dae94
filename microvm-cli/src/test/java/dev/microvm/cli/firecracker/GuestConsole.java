package dev.microvm.cli.firecracker;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.ConsoleTarget;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.io.PipedInputStream;
import java.io.PipedOutputStream;
import java.time.Duration;

/** A console to which a test types, and from which it reads, for a guest with LinuxGuest's dialogue. */
final class GuestConsole {
    private static final Duration PATIENCE = Duration.ofMinutes(1);

    private final PipedInputStream toGuest = new PipedInputStream();
    private final PipedOutputStream typed;
    private final Screen screen = new Screen();

    GuestConsole() throws IOException {
        typed = new PipedOutputStream(toGuest);
    }

    ConsoleTarget target() {
        return ConsoleTarget.streams(toGuest, screen);
    }

    /** Waits for a text, and returns what the guest printed up to it since the last time. */
    String await(String text) throws InterruptedException {
        return screen.await(text);
    }

    /** Runs a line in the guest, which must succeed, and returns what it prints. */
    String ask(String line) throws IOException, InterruptedException {
        typed.write((line + "\n").getBytes(UTF_8));
        typed.flush();
        return await("=0=");
    }

    private static final class Screen extends OutputStream {
        private final ByteArrayOutputStream all = new ByteArrayOutputStream();
        private int taken;

        @Override
        public synchronized void write(int value) {
            all.write(value);
            notifyAll();
        }

        @Override
        public synchronized void write(byte[] from, int offset, int length) {
            all.write(from, offset, length);
            notifyAll();
        }

        synchronized String await(String text) throws InterruptedException {
            long end = System.nanoTime() + PATIENCE.toNanos();
            while (true) {
                String printed = all.toString(UTF_8);
                int at = printed.indexOf(text, taken);
                if (at >= 0) {
                    String result = printed.substring(taken, at);
                    taken = at + text.length();
                    return result;
                }
                long left = (end - System.nanoTime()) / 1_000_000;
                assertThat(left).as("no \"%s\" in: %s", text, printed).isPositive();
                wait(left);
            }
        }
    }
}
