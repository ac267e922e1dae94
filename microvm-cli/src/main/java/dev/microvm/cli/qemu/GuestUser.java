package dev.microvm.cli.qemu;

import dev.microvm.Console;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;

/** A console or port of the guest at a character device. */
final class GuestUser implements Channel.User {
    private static final int PIECE = 8192;

    private final Console console;
    private final OutputStream typed;

    GuestUser(Console console) {
        this.console = console;
        this.typed = console.input();
    }

    @Override
    public void input(byte[] bytes, int length) throws IOException {
        typed.write(bytes, 0, length);
    }

    /** Starts to copy what the guest prints; the thread ends with the guest, after its last byte. */
    Thread copyTo(Channel channel) {
        InputStream printed = console.output();
        return Thread.ofPlatform().daemon().name("microvm-qemu-output").start(() -> {
            byte[] bytes = new byte[PIECE];
            try (printed) {
                for (int length = printed.read(bytes); length >= 0; length = printed.read(bytes)) {
                    channel.write(bytes, 0, length);
                }
            } catch (IOException e) {
                // the other side has gone; the guest continues
            }
        });
    }
}
