package dev.microvm.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Which standard streams of this process are terminals. */
public final class Terminals {
    /** Standard input; stdin(3). */
    public static final int STDIN = 0;

    /** Standard error; stdin(3). */
    public static final int STDERR = 2;

    private Terminals() {}

    /**
     * Returns whether a descriptor of this process is a terminal; false if the host cannot tell.
     * Calls nothing native, which would cost a program that starts often some 50 ms.
     */
    public static boolean isTerminal(int fd) {
        try {
            String file = Files.readSymbolicLink(Path.of("/proc/self/fd", String.valueOf(fd)))
                    .toString();
            return file.startsWith("/dev/pts/") || file.startsWith("/dev/tty") || file.equals("/dev/console");
        } catch (IOException | UnsupportedOperationException e) {
            return false;
        }
    }
}
