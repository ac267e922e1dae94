package dev.microvm.cli.attach;

import dev.microvm.cli.CliException;
import dev.microvm.cli.ExitHook;
import dev.microvm.cli.Terminals;
import dev.microvm.linux.LinuxHost;
import dev.microvm.linux.RawTerminal;
import dev.microvm.linux.StoppableInput;
import dev.microvm.linux.TerminalSize;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Optional;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;

/** The standard streams of this process, for one command of a guest. */
public final class StandardStreams {
    /** How often the window's size is looked at: Java has no public way to hear of SIGWINCH. */
    private static final long SIZE_MILLIS = 250;

    private static final TerminalSize DEFAULT_SIZE = new TerminalSize(80, 24);

    private final boolean input;
    private final boolean terminal;

    /**
     * @param input whether the command reads this process's standard input
     * @param terminal whether it has a terminal, which is this process's
     */
    public StandardStreams(boolean input, boolean terminal) {
        this.input = input;
        this.terminal = terminal;
    }

    /** Refuses a terminal where there is none, before anything starts. */
    public void check() {
        if (!terminal) return;
        LinuxHost.problem().ifPresent(problem -> {
            throw new CliException("-t: a terminal needs Linux's functions: " + problem, "leave -t out");
        });
        if (input && !Terminals.isTerminal(Terminals.STDIN)) {
            throw new CliException("-t: standard input is not a terminal", "leave -t out, or run it in a terminal");
        }
    }

    /** Returns the size that the command's terminal begins with. */
    public TerminalSize size() {
        return TerminalSize.of(Terminals.STDIN).orElse(DEFAULT_SIZE);
    }

    /**
     * Connects a command, and waits for its end.
     *
     * @param copy receives what the command prints as well
     * @return its exit code
     */
    public int connect(Attached command, OutputStream copy) throws IOException {
        OutputStream out = new TeeOutput(new FileOutputStream(FileDescriptor.out), copy);
        OutputStream err = new TeeOutput(new FileOutputStream(FileDescriptor.err), copy);
        if (!input) {
            command.endInput();
            return command.await(out, err);
        }
        InputStream typed = LinuxHost.usable() ? new StoppableInput(Terminals.STDIN) : System.in;
        try (var _ = terminal ? new Raw() : null) {
            Thread reader = Thread.ofPlatform().name("microvm-stdin").daemon().start(() -> pass(typed, command));
            try (var _ = terminal ? watchSize(command) : null) {
                return command.await(out, err);
            } finally {
                if (typed instanceof StoppableInput stoppable) stop(stoppable, reader);
            }
        }
    }

    private static void pass(InputStream typed, Attached command) {
        byte[] piece = new byte[1 << 16];
        try {
            for (int n = typed.read(piece); n >= 0; n = typed.read(piece)) command.input(piece, n);
            command.endInput();
        } catch (IOException e) {
            // The command reads no more, or standard input is broken: either way there is nothing to pass on.
        }
    }

    /** The reader may be in a write to a command that has ended, which fails at once. */
    private static void stop(StoppableInput typed, Thread reader) {
        typed.stop();
        try {
            reader.join();
            typed.close();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static ScheduledExecutorService watchSize(Attached command) {
        AtomicReference<Optional<TerminalSize>> last = new AtomicReference<>(TerminalSize.of(Terminals.STDIN));
        ScheduledExecutorService watch = Executors.newSingleThreadScheduledExecutor(
                Thread.ofPlatform().name("microvm-window").daemon().factory());
        var _ = watch.scheduleWithFixedDelay(
                () -> {
                    Optional<TerminalSize> now = TerminalSize.of(Terminals.STDIN);
                    if (now.equals(last.getAndSet(now))) return;
                    now.ifPresent(size -> command.resize(size.columns(), size.rows()));
                },
                SIZE_MILLIS,
                SIZE_MILLIS,
                TimeUnit.MILLISECONDS);
        return watch;
    }

    /** The terminal in raw mode; restored by a hook, too, if a signal ends the process. */
    private static final class Raw implements AutoCloseable {
        private final Optional<RawTerminal> terminal = RawTerminal.open(Terminals.STDIN);
        private final ExitHook hook = new ExitHook("terminal", this::restore);

        private void restore() {
            terminal.ifPresent(RawTerminal::close);
        }

        @Override
        public void close() {
            restore();
            hook.close();
        }
    }
}
