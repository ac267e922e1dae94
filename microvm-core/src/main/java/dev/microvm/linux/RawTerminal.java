package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static java.lang.foreign.ValueLayout.JAVA_INT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/**
 * A terminal in raw mode: each key is delivered immediately and unchanged, without echo, line
 * editing or signals. Output processing stays on, so that lines of other writers still begin in the
 * first column. {@link #close} restores the previous mode. Any thread may call.
 */
public final class RawTerminal implements AutoCloseable {
    // include/uapi/asm-generic/ioctls.h
    private static final long TCGETS = 0x5401;
    private static final long TCSETS = 0x5402; // at once: waiting for output (TCSETSW) could last for ever

    // struct termios: include/uapi/asm-generic/termbits.h
    private static final long TERMIOS_SIZE = 36;
    private static final long C_IFLAG = 0;
    private static final long C_CFLAG = 8;
    private static final long C_LFLAG = 12;
    private static final long C_CC = 17;

    // Input modes: include/uapi/asm-generic/termbits-common.h, IXON: termbits.h
    private static final int IGNBRK = 0x001;
    private static final int BRKINT = 0x002;
    private static final int PARMRK = 0x008;
    private static final int ISTRIP = 0x020;
    private static final int INLCR = 0x040;
    private static final int IGNCR = 0x080;
    private static final int ICRNL = 0x100;
    private static final int IXON = 0x0400;
    private static final int COOKED_INPUT = IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON;

    // Control modes: termbits.h
    private static final int CSIZE = 0x30;
    private static final int CS8 = 0x30;
    private static final int PARENB = 0x100;

    // Local modes: termbits.h
    private static final int ISIG = 0x1;
    private static final int ICANON = 0x2;
    private static final int ECHO = 0x8;
    private static final int ECHONL = 0x40;
    private static final int IEXTEN = 0x8000;
    private static final int COOKED_LOCAL = ISIG | ICANON | ECHO | ECHONL | IEXTEN;

    // Control characters: termbits.h
    private static final int VTIME = 5;
    private static final int VMIN = 6;

    private final int fd;
    private final byte[] before;
    private boolean restored;

    private RawTerminal(int fd, byte[] before) {
        this.fd = fd;
        this.before = before;
    }

    /**
     * Puts the terminal of a descriptor into raw mode; throws {@link ErrnoException} if the
     * terminal refuses.
     *
     * @return the terminal; empty if the descriptor is not a terminal, for example a file
     */
    public static Optional<RawTerminal> open(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment termios = arena.allocate(TERMIOS_SIZE, Integer.BYTES);
            if (Libc.ioctl(fd, TCGETS, termios) < 0) return Optional.empty(); // ENOTTY, EBADF
            RawTerminal terminal = new RawTerminal(fd, termios.toArray(JAVA_BYTE));
            makeRaw(termios);
            Libc.check("ioctl(TCSETS)", Libc.ioctl(fd, TCSETS, termios));
            return Optional.of(terminal);
        }
    }

    /** Sets the modes of cfmakeraw(3), except the output modes. */
    private static void makeRaw(MemorySegment termios) {
        set(termios, C_IFLAG, COOKED_INPUT, 0);
        set(termios, C_LFLAG, COOKED_LOCAL, 0);
        set(termios, C_CFLAG, CSIZE | PARENB, CS8);
        termios.set(JAVA_BYTE, C_CC + VMIN, (byte) 1);
        termios.set(JAVA_BYTE, C_CC + VTIME, (byte) 0);
    }

    private static void set(MemorySegment termios, long field, int clear, int set) {
        termios.set(JAVA_INT, field, (termios.get(JAVA_INT, field) & ~clear) | set);
    }

    /**
     * Restores the previous mode. Does nothing if the terminal no longer exists, or if called
     * again.
     */
    @Override
    public synchronized void close() {
        if (restored) return;
        restored = true;
        try (Arena arena = Arena.ofConfined()) {
            Libc.ioctl(fd, TCSETS, arena.allocateFrom(JAVA_BYTE, before));
        }
    }
}
