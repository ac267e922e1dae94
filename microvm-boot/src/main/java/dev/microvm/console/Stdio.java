package dev.microvm.console;

import dev.microvm.error.MicroVmException;
import dev.microvm.linux.RawTerminal;
import dev.microvm.linux.StoppableInput;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;

/**
 * Standard input and output of this process while a machine uses them. The terminal is in raw mode,
 * and a shutdown hook restores it when the JVM exits. Any thread may call.
 */
public final class Stdio {
    private static final int STDIN = 0; // stdin(3)
    private static final AtomicReference<@Nullable String> OWNER = new AtomicReference<>();

    private final StoppableInput input;
    private final Optional<RawTerminal> terminal;
    private final Optional<Thread> hook;
    private boolean ended;

    private Stdio() {
        input = new StoppableInput(STDIN);
        try {
            terminal = RawTerminal.open(STDIN);
            hook = terminal.map(raw -> new Thread(raw::close, "microvm-terminal"));
        } catch (RuntimeException e) {
            input.close();
            throw e;
        }
        hook.ifPresent(Runtime.getRuntime()::addShutdownHook);
    }

    /**
     * Takes standard input and output for a machine.
     *
     * @param leave action of the keys Ctrl-A x
     * @throws MicroVmException if another machine uses them
     */
    public static ConsoleEnds open(String machine, Runnable leave) {
        String owner = OWNER.compareAndExchange(null, machine);
        if (owner != null) {
            throw new MicroVmException(
                    "serial: machine %s already uses standard input and output: end it before %s starts,"
                                    .formatted(owner, machine)
                            + " or give one of them another serial(...)");
        }
        try {
            Stdio made = new Stdio();
            InputStream typed = made.terminal.isPresent() ? new EscapeKeys(made.input, leave) : made.input;
            return new ConsoleEnds(typed, ConsoleEnds.unclosed(new FileOutputStream(FileDescriptor.out)), made::end);
        } catch (RuntimeException e) {
            OWNER.set(null);
            throw e;
        }
    }

    private synchronized void end() {
        if (ended) return;
        ended = true;
        terminal.ifPresent(RawTerminal::close);
        input.stop();
        hook.ifPresent(Stdio::remove);
        OWNER.set(null);
    }

    private static void remove(Thread hook) {
        try {
            Runtime.getRuntime().removeShutdownHook(hook);
        } catch (IllegalStateException e) {
            // The JVM is exiting: the hook runs, to the same effect.
        }
    }
}
