package dev.microvm;

import dev.microvm.console.ConsoleEnds;
import dev.microvm.console.ConsoleOpener;
import dev.microvm.model.ConsoleSpec;
import dev.microvm.model.ExitReport;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Connects the guest's console to the host. {@link MicroVm#console} works beside any of these.
 * Input from both reaches the guest in the order in which it was written.
 *
 * <p>A target receives all output; a slow one slows the guest. After an error a target is no longer
 * written to, with a warning in the log; the guest continues. Immutable.
 */
public final class ConsoleTarget {
    private static final ConsoleTarget BUFFER = new ConsoleTarget(new ConsoleSpec.Buffer(), null);

    private final ConsoleSpec spec;
    private final @Nullable ConsoleOpener code;

    private ConsoleTarget(ConsoleSpec spec, @Nullable ConsoleOpener code) {
        this.spec = spec;
        this.code = code;
    }

    /** Connects to nothing: the default. */
    public static ConsoleTarget buffer() {
        return BUFFER;
    }

    /**
     * The standard input and output of this process, for one machine at a time, on a Linux host.
     *
     * <p>If standard input is a terminal, it is in raw mode while the guest runs: every key goes to
     * the guest, also Ctrl-C. <b>Ctrl-A x</b> stops the guest ({@link ExitReport.Reason#STOPPED}),
     * Ctrl-A Ctrl-A types a Ctrl-A. The terminal is restored when the guest ends, when the machine
     * is closed, and when the JVM exits, also by a signal.
     *
     * <p>Input is read from descriptor 0, not from {@link System#in}: do not use that meanwhile. At
     * the end of input the guest continues.
     */
    public static ConsoleTarget stdio() {
        return new ConsoleTarget(new ConsoleSpec.Stdio(), null);
    }

    /**
     * A file that receives what the guest prints. It is created or emptied when the machine starts,
     * and closed with the machine. There is no input.
     *
     * <p>A FIFO need not have a reader. Output is dropped while nobody reads it; a reader that comes
     * receives what follows. {@link MicroVm#console} has what came before.
     */
    public static ConsoleTarget file(Path file) {
        return new ConsoleTarget(new ConsoleSpec.ToFile(Objects.requireNonNull(file, "file")), null);
    }

    /**
     * A stream that receives what the guest prints, flushed after each write. It is not closed.
     *
     * @param to is written to by a thread of the machine
     */
    public static ConsoleTarget output(OutputStream to) {
        Objects.requireNonNull(to, "to");
        return new ConsoleTarget(
                new ConsoleSpec.Streams(false), (machine, stop) -> ConsoleEnds.to(ConsoleEnds.unclosed(to)));
    }

    /**
     * A pair of streams. Neither is closed. At the end of {@code from} the guest continues.
     *
     * <p>A thread of the machine reads {@code from} and is interrupted when the guest ends, which
     * closes a channel. If a read ignores the interrupt, the thread remains until the read returns,
     * and drops what was read: close {@code from} after the machine.
     *
     * @param from what is typed into the guest
     * @param to receives what the guest prints, flushed after each write
     */
    public static ConsoleTarget streams(InputStream from, OutputStream to) {
        Objects.requireNonNull(from, "from");
        Objects.requireNonNull(to, "to");
        return new ConsoleTarget(
                new ConsoleSpec.Streams(true),
                (machine, stop) -> new ConsoleEnds(from, ConsoleEnds.unclosed(to), () -> {}));
    }

    /** The part that is data. */
    ConsoleSpec spec() {
        return spec;
    }

    /** The part that is code; null if there is none. */
    @Nullable
    ConsoleOpener code() {
        return code;
    }

    @Override
    public String toString() {
        return spec.toString();
    }
}
