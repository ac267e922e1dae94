package dev.microvm;

import dev.microvm.console.ConsoleEnds;
import dev.microvm.console.Stdio;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Where the guest's serial port leads on the host. {@link MicroVm#console} works beside any of these; what the host types
 * there and what comes from here reach the guest in the order of their writes.
 *
 * <p>What takes the output loses nothing, and slows the guest when it is slow. One that fails is left out from then on,
 * with a warning in the log; the guest goes on. Immutable.
 */
public final class ConsoleTarget {
    private static final ConsoleTarget BUFFER =
            new ConsoleTarget("kept in memory only", false, () -> null, (machine, stop) -> ConsoleEnds.NONE);

    private final String description;
    private final boolean hasInput;
    private final Check check;
    private final Opener opener;

    private ConsoleTarget(String description, boolean hasInput, Check check, Opener opener) {
        this.description = description;
        this.hasInput = hasInput;
        this.check = check;
        this.opener = opener;
    }

    /** Nowhere else: the default. */
    public static ConsoleTarget buffer() {
        return BUFFER;
    }

    /**
     * The standard input and output of this process, for one machine at a time, on a Linux host.
     *
     * <p>If standard input is a terminal, it is raw while the guest runs: every key goes to the guest, Ctrl-C too.
     * <b>Ctrl-A x</b> stops the guest ({@link ExitReport.Reason#STOPPED}), Ctrl-A Ctrl-A types a Ctrl-A. The terminal is
     * put back as it was when the guest ends, when the machine is closed, and when the JVM exits, by a signal too.
     *
     * <p>Input is read from descriptor 0 past {@link System#in}, which should not be used meanwhile. When it ends, the
     * guest goes on.
     */
    public static ConsoleTarget stdio() {
        return new ConsoleTarget("standard input and output", true, Stdio::problem, Stdio::open);
    }

    /**
     * A file that gets what the guest prints. It is made when the machine starts, or emptied, and closed when the machine
     * is; there is no input.
     */
    public static ConsoleTarget file(Path file) {
        Objects.requireNonNull(file, "file");
        return new ConsoleTarget("file " + file, false, () -> problem(file), (machine, stop) -> {
            try {
                return ConsoleEnds.to(Files.newOutputStream(file));
            } catch (IOException e) {
                throw new MicroVmException("serial: cannot write " + file + ": " + e, e);
            }
        });
    }

    /**
     * A stream that gets what the guest prints, flushed after each piece. It is not closed.
     *
     * @param to is written to by a thread of the machine's
     */
    public static ConsoleTarget output(OutputStream to) {
        Objects.requireNonNull(to, "to");
        return new ConsoleTarget(
                "stream", false, () -> null, (machine, stop) -> ConsoleEnds.to(ConsoleEnds.unclosed(to)));
    }

    /**
     * A pair of streams. None of them is closed. A thread of the machine's reads {@code from}, and is interrupted when the
     * guest ends (which closes a channel); if a read does not heed that, the thread lasts until the read returns, and
     * drops what it got: close {@code from} after the machine. At its end the guest goes on.
     *
     * @param from what is typed into the guest
     * @param to gets what the guest prints, flushed after each piece
     */
    public static ConsoleTarget streams(InputStream from, OutputStream to) {
        Objects.requireNonNull(from, "from");
        Objects.requireNonNull(to, "to");
        return new ConsoleTarget(
                "streams",
                true,
                () -> null,
                (machine, stop) -> new ConsoleEnds(from, ConsoleEnds.unclosed(to), () -> {}));
    }

    /** Whether what somebody types there reaches the guest. */
    boolean hasInput() {
        return hasInput;
    }

    /** What is wrong with it as far as can be seen without opening anything; null if nothing. */
    @Nullable
    String problem() {
        return check.problem();
    }

    /**
     * Opens it.
     *
     * @param machine its machine's name
     * @param stop stops the guest
     * @throws MicroVmException if it cannot be had, with the reason
     */
    ConsoleEnds open(String machine, Runnable stop) {
        return opener.open(machine, stop);
    }

    @Override
    public String toString() {
        return description;
    }

    private static @Nullable String problem(Path file) {
        Path folder = file.toAbsolutePath().getParent();
        if (Files.isDirectory(file)) return "the path of a file, was the folder " + file;
        if (folder == null || !Files.isDirectory(folder)) return "a file in a folder that exists, was " + file;
        if (!Files.isWritable(Files.exists(file) ? file : folder)) return "a file that may be written, was " + file;
        return null;
    }

    private interface Check {
        @Nullable
        String problem();
    }

    private interface Opener {
        ConsoleEnds open(String machine, Runnable stop);
    }
}
