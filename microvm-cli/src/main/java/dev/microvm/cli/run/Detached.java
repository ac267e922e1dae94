package dev.microvm.cli.run;

import dev.microvm.cli.OwnCommandLine;
import dev.microvm.cli.control.Machines;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.concurrent.TimeUnit;

/** The same program once more in the background, for {@code microvm run -d}. */
final class Detached {
    /** Tells the process in the background what it is, and its machine's name. */
    private static final String VARIABLE = "MICROVM_DETACHED";

    private static final long LOOK_MILLIS = 50;

    private Detached() {}

    /** Returns the machine's name if this is the process in the background. */
    static Optional<String> name() {
        return Optional.ofNullable(System.getenv(VARIABLE));
    }

    /** Starts it, waits until its machine runs, and prints the machine's name. */
    static int start(String name) throws IOException, InterruptedException {
        Path log = Files.createTempFile("microvm-", ".log");
        ProcessBuilder builder = new ProcessBuilder(OwnCommandLine.inBackground("-d"))
                .redirectInput(new File("/dev/null"))
                .redirectOutput(log.toFile())
                .redirectErrorStream(true);
        builder.environment().put(VARIABLE, name);
        Process process = builder.start();
        while (!runs(name, process)) {
            if (process.waitFor(LOOK_MILLIS, TimeUnit.MILLISECONDS)) {
                System.err.print(Files.readString(log));
                Files.delete(log);
                return process.exitValue();
            }
        }
        Files.delete(log); // what the command prints is in microvm logs
        System.out.println(name);
        return 0;
    }

    /** A machine of that name that another process runs is not the one that was started. */
    private static boolean runs(String name, Process process) throws IOException {
        return Machines.find(name)
                .filter(machine -> machine.pid() == process.pid()
                        || process.descendants().anyMatch(each -> each.pid() == machine.pid())) // of setsid
                .filter(machine -> !machine.state().equals("starting"))
                .isPresent();
    }
}
