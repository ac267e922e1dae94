package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;

/** The monitor for people at a character device: it echoes keys, as on a terminal in raw mode. */
final class HumanMonitor implements Channel.User {
    private static final String GREETING = "microvm monitor - type 'help' for more information\n";
    private static final String PROMPT = "(qemu) "; // programs wait for it
    private static final int DELETE = 0x7f;
    private static final int BACKSPACE = 8;
    private static final int ESCAPE = 0x1b;
    private static final int MOST = 4096; // bytes of a line

    private final Channel channel;
    private final HumanCommands commands;
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private boolean greeted;
    private boolean inSequence; // of an arrow key, such as ESC [ A

    HumanMonitor(Channel channel, Control control) {
        this.channel = channel;
        this.commands = new HumanCommands(control);
    }

    @Override
    public void connected() throws IOException {
        line.reset();
        print((greeted ? "\n" : GREETING) + PROMPT);
        greeted = true;
    }

    @Override
    public void disconnected() {
        greeted = false;
    }

    @Override
    public void input(byte[] bytes, int length) throws IOException {
        for (int i = 0; i < length; i++) key(bytes[i]);
    }

    private void key(byte key) throws IOException {
        if (inSequence) {
            inSequence = key == '[' || key < '@'; // until its last character
            return;
        }
        switch (key) {
            case '\r', '\n' -> {
                print("\n");
                String text = line.toString(UTF_8);
                line.reset();
                print(commands.run(text) + PROMPT);
            }
            case DELETE, BACKSPACE -> {
                byte[] kept = line.toByteArray();
                if (kept.length == 0) return;
                line.reset();
                line.write(kept, 0, kept.length - 1);
                print("\b \b");
            }
            case ESCAPE -> inSequence = true;
            default -> {
                if (key >= 0 && key < ' ' || line.size() >= MOST) return;
                line.write(key);
                channel.write(new byte[] {key}, 0, 1);
            }
        }
    }

    private void print(String text) throws IOException {
        byte[] bytes = text.replace("\n", "\r\n").getBytes(UTF_8);
        channel.write(bytes, 0, bytes.length);
    }
}
