package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.IOException;
import java.util.List;

/**
 * Several users of a character device, of which one has the input: chardev/char-mux.c of QEMU. Ctrl-A
 * is the escape key.
 */
final class Mux implements Channel.User {
    private static final byte CTRL_A = 1; // ASCII SOH

    private static final String HELP = """

            C-a h    print this help
            C-a x    exit emulator
            C-a c    switch between console and monitor
            C-a C-a  sends C-a
            """;

    private final List<Channel.User> users;
    private final Channel channel;
    private final Runnable leave;
    private int focus;
    private boolean escaped;

    /** Makes one whose first user has the input; {@code leave} is Ctrl-A x. */
    Mux(List<Channel.User> users, Channel channel, Runnable leave) {
        this.users = List.copyOf(users);
        this.channel = channel;
        this.leave = leave;
    }

    @Override
    public void connected() throws IOException {
        users.get(focus).connected();
    }

    @Override
    public void disconnected() {
        users.forEach(Channel.User::disconnected);
    }

    @Override
    public void input(byte[] bytes, int length) throws IOException {
        byte[] plain = new byte[length + 1]; // with room for a Ctrl-A that was held back
        int count = 0;
        for (int i = 0; i < length; i++) {
            byte key = bytes[i];
            if (!escaped) {
                if (key == CTRL_A) escaped = true;
                else plain[count++] = key;
                continue;
            }
            escaped = false;
            if (key == CTRL_A) {
                plain[count++] = CTRL_A;
                continue;
            }
            if (count > 0) users.get(focus).input(plain, count);
            count = 0;
            escape(key);
        }
        if (count > 0) users.get(focus).input(plain, count);
    }

    /** Like QEMU, ignores the keys that it does not know. */
    private void escape(byte key) throws IOException {
        switch (key) {
            case 'x' -> leave.run();
            case 'h', '?' -> {
                byte[] text = HELP.replace("\n", "\r\n").getBytes(US_ASCII);
                channel.write(text, 0, text.length);
            }
            case 'c' -> {
                focus = (focus + 1) % users.size();
                users.get(focus).connected();
            }
            default -> {}
        }
    }
}
