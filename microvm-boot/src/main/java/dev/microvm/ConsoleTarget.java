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
 * Where the guest's console leads on the host. {@link MicroVm#console} works beside any of these; what the
 * host types there and what comes from here reach the guest in the order of their writes.
 *
 * <p>A target that takes the output loses nothing, and slows the guest when it is slow. A target that fails
 * is left out from then on, with a warning in the log; the guest continues. Immutable.
 */
public final class ConsoleTarget {
    private static final ConsoleTarget BUFFER = new ConsoleTarget(new ConsoleSpec.Buffer(), null);

    private final ConsoleSpec spec;
    private final @Nullable ConsoleOpener code;

    private ConsoleTarget(ConsoleSpec spec, @Nullable ConsoleOpener code) {
        this.spec = spec;
        this.code = code;
    }

    /** Nowhere else: the default. */
    public static ConsoleTarget buffer() {
        return BUFFER;
    }

    /**
     * The standard input and output of this process, for one machine at a time, on a Linux host.
     *
     * <p>If standard input is a terminal, it is raw while the guest runs: every key goes to the guest, Ctrl-C
     * too. <b>Ctrl-A x</b> stops the guest ({@link ExitReport.Reason#STOPPED}), Ctrl-A Ctrl-A types a Ctrl-A.
     * The terminal is restored when the guest ends, when the machine is closed, and when the JVM exits, by a
     * signal too.
     *
     * <p>Input is read from descriptor 0 past {@link System#in}, which should not be used meanwhile. When it
     * ends, the guest continues.
     */
    public static ConsoleTarget stdio() {
        return new ConsoleTarget(new ConsoleSpec.Stdio(), null);
    }

    /**
     * A file that gets what the guest prints. It is made when the machine starts, or emptied, and closed when
     * the machine is; there is no input.
     */
    public static ConsoleTarget file(Path file) {
        return new ConsoleTarget(new ConsoleSpec.ToFile(Objects.requireNonNull(file, "file")), null);
    }

    /**
     * A stream that gets what the guest prints, flushed after each piece. It is not closed.
     *
     * @param to is written to by a thread of the machine
     */
    public static ConsoleTarget output(OutputStream to) {
        Objects.requireNonNull(to, "to");
        return new ConsoleTarget(
                new ConsoleSpec.Streams(false), (machine, stop) -> ConsoleEnds.to(ConsoleEnds.unclosed(to)));
    }

    /**
     * A pair of streams. None of them is closed. A thread of the machine reads {@code from}, and is
     * interrupted when the guest ends (which closes a channel); if a read ignores that, the thread lasts until
     * the read returns, and drops what it got: close {@code from} after the machine. At the end of {@code
     * from} the guest continues.
     *
     * @param from what is typed into the guest
     * @param to gets what the guest prints, flushed after each piece
     */
    public static ConsoleTarget streams(InputStream from, OutputStream to) {
        Objects.requireNonNull(from, "from");
        Objects.requireNonNull(to, "to");
        return new ConsoleTarget(
                new ConsoleSpec.Streams(true),
                (machine, stop) -> new ConsoleEnds(from, ConsoleEnds.unclosed(to), () -> {}));
    }

    /** What of it is data. */
    ConsoleSpec spec() {
        return spec;
    }

    /** What of it is code; null if nothing. */
    @Nullable
    ConsoleOpener code() {
        return code;
    }

    @Override
    public String toString() {
        return spec.toString();
    }
}
