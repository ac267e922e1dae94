package dev.microvm.console;

import dev.microvm.error.MicroVmException;
import dev.microvm.model.ConsoleSpec;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;

/** Opens the target of one machine's console. */
@FunctionalInterface
public interface ConsoleOpener {
    /**
     * Opens the target.
     *
     * @param machine the name of the machine
     * @param stop action that stops the guest
     * @throws MicroVmException with the reason, if it cannot be opened
     */
    ConsoleEnds open(String machine, Runnable stop);

    /**
     * Returns what opens the described target.
     *
     * @throws IllegalArgumentException for {@link ConsoleSpec.Streams}, which a description does
     *     not hold
     */
    static ConsoleOpener of(ConsoleSpec spec) {
        return switch (spec) {
            case ConsoleSpec.Buffer buffer -> (machine, stop) -> ConsoleEnds.NONE;
            case ConsoleSpec.Stdio stdio -> Stdio::open;
            case ConsoleSpec.ToFile to -> (machine, stop) -> open(to.file());
            case ConsoleSpec.Streams streams -> throw new IllegalArgumentException("streams are code: " + streams);
        };
    }

    private static ConsoleEnds open(Path file) {
        if (FifoOutput.isFifo(file))
            return ConsoleEnds.to(new FifoOutput(file)); // opening it here would wait for a reader
        try {
            return ConsoleEnds.to(Files.newOutputStream(file));
        } catch (IOException e) {
            throw new MicroVmException("serial: cannot write " + file + ": " + e, e);
        }
    }
}
