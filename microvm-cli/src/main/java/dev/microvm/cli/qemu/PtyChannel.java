package dev.microvm.cli.qemu;

import dev.microvm.linux.FileDescriptor;
import dev.microvm.linux.Libc;
import dev.microvm.linux.StoppableInput;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.TimeUnit;

/** A new pseudo terminal, whose name is printed: pty(7). */
final class PtyChannel implements Channel {
    // include/uapi/asm-generic/ioctls.h
    private static final long TIOCGPTN = 0x8004_5430L; // number of the terminal
    private static final long TIOCSPTLCK = 0x4004_5431L; // 0 lets others open it

    private static final int EIO = -5; // nobody has opened the other side
    private static final int PIECE = 4096;
    private static final long PAUSE_MS = 200;

    private final FileDescriptor master = FileDescriptor.openReadWrite("/dev/ptmx");
    private final StoppableInput input = new StoppableInput(master.value());
    private final String name;
    private volatile boolean closed;

    PtyChannel() {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment number = arena.allocate(ValueLayout.JAVA_INT);
            Libc.check("ioctl(TIOCSPTLCK)", Libc.ioctl(master.value(), TIOCSPTLCK, number));
            Libc.check("ioctl(TIOCGPTN)", Libc.ioctl(master.value(), TIOCGPTN, number));
            name = "/dev/pts/" + number.get(ValueLayout.JAVA_INT, 0);
        }
    }

    /** The terminal for the other side. */
    String name() {
        return name;
    }

    @Override
    public void start(User user) throws IOException {
        user.connected();
        Channel.read("pty", () -> readAll(user));
    }

    /** A read fails while nobody has the terminal open; it is tried again. */
    private void readAll(User user) {
        byte[] bytes = new byte[PIECE];
        while (!closed) {
            try {
                int length = input.read(bytes);
                if (length < 0) return;
                user.input(bytes, length);
            } catch (IOException e) {
                if (closed) return;
                try {
                    TimeUnit.MILLISECONDS.sleep(PAUSE_MS);
                } catch (InterruptedException interrupted) {
                    return;
                }
            }
        }
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) throws IOException {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment copy =
                    arena.allocateFrom(ValueLayout.JAVA_BYTE, bytes).asSlice(offset, length);
            for (long done = 0; done < length && !closed; ) {
                long written = Libc.write(master.value(), copy.asSlice(done));
                if (written == EIO) return;
                done += Libc.check("write", written);
            }
        }
    }

    @Override
    public void close() {
        closed = true;
        input.stop();
        master.close();
    }
}
