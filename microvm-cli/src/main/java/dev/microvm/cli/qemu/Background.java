package dev.microvm.cli.qemu;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.cli.OwnCommandLine;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * {@code -daemonize}: the same program once more, in the background. The first process ends when the
 * guest of the second has started, as in QEMU, so that its sockets and its file of {@code -pidfile}
 * are there.
 */
final class Background {
    /** Tells the second process that it is in the background. */
    private static final String VARIABLE = "MICROVM_QEMU_DAEMON";

    /** The line by which the second process tells that the guest has started. */
    private static final String STARTED = "started";

    private Background() {}

    /** Whether this is the process in the background. */
    static boolean isHere() {
        return System.getenv(VARIABLE) != null;
    }

    /** Starts the process in the background, and returns the exit code of this one. */
    static int start() throws IOException, InterruptedException {
        Path log = Files.createTempFile("microvm-qemu-", ".log");
        try {
            ProcessBuilder builder = new ProcessBuilder(OwnCommandLine.inBackground("-daemonize"))
                    .redirectInput(new File("/dev/null"))
                    .redirectError(log.toFile());
            builder.environment().put(VARIABLE, "1");
            Process process = builder.start();
            try (BufferedReader out = process.inputReader(UTF_8)) {
                boolean started = STARTED.equals(out.readLine());
                System.err.print(Files.readString(log));
                return started ? 0 : process.waitFor();
            }
        } finally {
            Files.delete(log); // what the process says later, nobody reads: as in QEMU
        }
    }

    /** Tells the first process that the guest has started. */
    static void tellStarted() {
        System.out.println(STARTED);
        System.out.flush();
    }
}
