package dev.microvm.cli.qemu;

import dev.microvm.linux.RawTerminal;
import dev.microvm.linux.StoppableInput;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.util.Optional;

/**
 * Standard input and output. A terminal is in raw mode until the channel is closed; Ctrl-C there ends
 * the machine, or is a key like any other.
 */
final class StdioChannel implements Channel {
    private static final int STDIN = 0; // stdin(3)
    private static final byte CTRL_C = 3; // ASCII ETX
    private static final int PIECE = 4096;

    private final boolean signal;
    private final Runnable interrupt;
    private final StoppableInput input = new StoppableInput(STDIN);
    private final FileOutputStream output = new FileOutputStream(FileDescriptor.out);
    private final Optional<RawTerminal> terminal;

    /**
     * Opens them.
     *
     * @param signal whether Ctrl-C on a terminal calls {@code interrupt}
     */
    StdioChannel(boolean signal, Runnable interrupt) {
        this.signal = signal;
        this.interrupt = interrupt;
        this.terminal = RawTerminal.open(STDIN);
    }

    @Override
    public void start(User user) throws IOException {
        user.connected();
        Channel.read("stdio", () -> readAll(user));
    }

    /** At the end of the input the machine continues. */
    private void readAll(User user) {
        byte[] bytes = new byte[PIECE];
        try {
            for (int length = input.read(bytes); length >= 0; length = input.read(bytes)) {
                if (signal && terminal.isPresent() && contains(bytes, length, CTRL_C)) {
                    interrupt.run();
                    return;
                }
                user.input(bytes, length);
            }
        } catch (IOException e) {
            // the guest has ended, or the terminal has gone: no more input
        }
    }

    private static boolean contains(byte[] bytes, int length, byte wanted) {
        for (int i = 0; i < length; i++) if (bytes[i] == wanted) return true;
        return false;
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
        output.write(bytes, offset, length);
    }

    @Override
    public void close() {
        terminal.ifPresent(RawTerminal::close);
        input.stop();
    }
}
