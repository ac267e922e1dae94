package dev.microvm.linux;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.Optional;

/** The size of a terminal's window, in characters. */
public record TerminalSize(int columns, int rows) {
    private static final long TIOCGWINSZ = 0x5413; // include/uapi/asm-generic/ioctls.h

    // struct winsize: include/uapi/asm-generic/termios.h
    private static final long WINSIZE_SIZE = 8;
    private static final long WS_ROW = 0;
    private static final long WS_COL = 2;

    /** Returns the size of a descriptor's terminal; empty if it is no terminal or has no size. */
    public static Optional<TerminalSize> of(int fd) {
        try (Arena arena = Arena.ofConfined()) {
            MemorySegment winsize = arena.allocate(WINSIZE_SIZE, Short.BYTES);
            if (Libc.ioctl(fd, TIOCGWINSZ, winsize) < 0) return Optional.empty(); // ENOTTY, EBADF
            int columns = Short.toUnsignedInt(winsize.get(JAVA_SHORT, WS_COL));
            int rows = Short.toUnsignedInt(winsize.get(JAVA_SHORT, WS_ROW));
            return columns == 0 || rows == 0 ? Optional.empty() : Optional.of(new TerminalSize(columns, rows));
        }
    }
}
