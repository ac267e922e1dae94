package dev.microvm.sandbox;

import dev.microvm.event.Timeouts;
import dev.microvm.linux.Errno;
import dev.microvm.sandbox.agent.AgentErrorException;
import dev.microvm.sandbox.agent.Payload;
import dev.microvm.sandbox.agent.Wire;
import dev.microvm.sandbox.root.ImageConfig;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.function.Consumer;

/**
 * A command for a guest: a program, its arguments, and how it runs. Unchangeable: each method
 * returns a changed copy.
 *
 * <pre>{@code
 * Command.of("make", "-j2").directory("/src").environment("CC", "gcc").timeout(Duration.ofMinutes(5))
 * }</pre>
 *
 * A program without a slash is looked for in the folders of its variable {@code PATH}.
 */
public final class Command {
    /** Bytes of output that {@code exec} keeps at most, unless the command says otherwise. */
    public static final long DEFAULT_OUTPUT_LIMIT = 16L << 20;

    private static final int LAST_SIZE = 0xffff; // columns and rows are 16 bits wide

    // Only changed by with(), before the copy is returned.
    private List<String> words;
    private Map<String, String> environment = Map.of();
    private String directory = "";
    private String user = "";
    private byte[] input = {};
    private Duration timeout = Duration.ZERO;
    private long outputLimit = DEFAULT_OUTPUT_LIMIT;
    private boolean terminal;
    private int columns;
    private int rows;
    private boolean endsTree;
    private boolean detached;
    private long memoryBytes;
    private Duration cpuTime = Duration.ZERO;
    private int processes;
    private List<String> collected = List.of();

    private Command(List<String> words) {
        this.words = words;
    }

    /** A program with its arguments, not parsed by a shell. */
    public static Command of(String program, String... arguments) {
        Objects.requireNonNull(program, "program");
        if (program.isEmpty()) throw new IllegalArgumentException("program: must not be empty");
        List<String> words = new ArrayList<>(List.of(Objects.requireNonNull(arguments, "arguments")));
        words.addFirst(program);
        return new Command(List.copyOf(words));
    }

    /** A line for the guest's {@code /bin/sh}. */
    public static Command shell(String line) {
        return of("/bin/sh", "-c", Objects.requireNonNull(line, "line"));
    }

    private Command with(Consumer<Command> change) {
        Command copy = new Command(words);
        copy.environment = environment;
        copy.directory = directory;
        copy.user = user;
        copy.input = input;
        copy.timeout = timeout;
        copy.outputLimit = outputLimit;
        copy.terminal = terminal;
        copy.columns = columns;
        copy.rows = rows;
        copy.endsTree = endsTree;
        copy.detached = detached;
        copy.memoryBytes = memoryBytes;
        copy.cpuTime = cpuTime;
        copy.processes = processes;
        copy.collected = collected;
        change.accept(copy);
        return copy;
    }

    /** Sets the working directory; {@code /} if it is not set. */
    public Command directory(String value) {
        Objects.requireNonNull(value, "directory");
        return with(copy -> copy.directory = value);
    }

    /** Sets a variable. {@code PATH} and {@code HOME} have the usual values if they are not set. */
    public Command environment(String name, String value) {
        return environment(Map.of(Objects.requireNonNull(name, "name"), Objects.requireNonNull(value, "value")));
    }

    /**
     * Sets variables.
     *
     * @throws IllegalArgumentException if a name is empty or has a =
     */
    public Command environment(Map<String, String> values) {
        Map<String, String> all = new LinkedHashMap<>(environment);
        Objects.requireNonNull(values, "values").forEach((name, value) -> {
            if (name.isEmpty() || name.indexOf('=') >= 0) {
                throw new IllegalArgumentException("environment: '%s' is no name of a variable".formatted(name));
            }
            all.put(name, Objects.requireNonNull(value, name));
        });
        return with(copy -> copy.environment = all);
    }

    /** Sets the user: {@code NAME}, {@code UID}, {@code NAME:GROUP} or {@code UID:GID}. It is root if not set. */
    public Command user(String value) {
        Objects.requireNonNull(value, "user");
        return with(copy -> copy.user = value);
    }

    /** Returns why the guest refused to start this, with the word of the command that it refused. */
    String why(AgentErrorException refused) {
        return switch (refused.step()) { // exec.c of the agent
            case "user" -> "its user '%s': %s".formatted(user, words(refused, "the guest has no such user or group"));
            case "directory" -> "its directory '%s': %s".formatted(directory, Errno.words(refused.number()));
            case CommandStartException.STEP -> words(refused, "the guest has no such program, or not its interpreter");
            default -> String.valueOf(refused.getMessage());
        };
    }

    private static String words(AgentErrorException refused, String ifMissing) {
        return refused.number() == Errno.ENOENT ? ifMissing : Errno.words(refused.number());
    }

    /** Sets what {@code exec} writes to the standard input; nothing if it is not set. */
    public Command input(byte[] value) {
        byte[] bytes = Objects.requireNonNull(value, "input").clone();
        return with(copy -> copy.input = bytes);
    }

    /** Sets the same as a text, in UTF-8. */
    public Command input(String value) {
        return input(Objects.requireNonNull(value, "input").getBytes(StandardCharsets.UTF_8));
    }

    /**
     * Sets the time after which the command and all that it started are killed.
     *
     * @throws IllegalArgumentException if it is not 1 ms to 49 days
     */
    public Command timeout(Duration value) {
        long nanos = Timeouts.nanos("timeout", value);
        if (nanos < 1_000_000 || nanos / 1_000_000 > 0xffff_ffffL) {
            throw new IllegalArgumentException("timeout: 1 ms to 49 days, was " + value);
        }
        return with(copy -> copy.timeout = value);
    }

    /**
     * Sets how many bytes of both outputs together {@code exec} takes.
     *
     * @throws IllegalArgumentException if it is negative
     */
    public Command outputLimit(long bytes) {
        if (bytes < 0) throw new IllegalArgumentException("outputLimit: 0 or more bytes, was " + bytes);
        return with(copy -> copy.outputLimit = bytes);
    }

    /**
     * Runs it on a terminal of this size. All output is on the standard output then.
     *
     * @throws IllegalArgumentException if a number is not 1 to 65535
     */
    public Command terminal(int columnCount, int rowCount) {
        checkSize(columnCount, rowCount);
        return with(copy -> {
            copy.terminal = true;
            copy.columns = columnCount;
            copy.rows = rowCount;
        });
    }

    static void checkSize(int columnCount, int rowCount) {
        if (columnCount < 1 || columnCount > LAST_SIZE || rowCount < 1 || rowCount > LAST_SIZE) {
            throw new IllegalArgumentException(
                    "terminal: 1 to %d columns and rows, were %d and %d".formatted(LAST_SIZE, columnCount, rowCount));
        }
    }

    /** Kills all processes that the command leaves behind when it ends. */
    public Command killingLeftovers() {
        return with(copy -> copy.endsTree = true);
    }

    /**
     * Lets it run on when the host has lost it, which happens in a {@linkplain Sandbox#fork fork}:
     * its input ends then, and its output is lost. Without this the command and all that it started
     * are killed.
     */
    public Command detached() {
        return with(copy -> copy.detached = true);
    }

    /**
     * Sets files that {@code run} reads when the command has ended, for {@link RunResult#files}.
     *
     * @throws IllegalArgumentException if a path is not absolute
     */
    public Command collect(String... paths) {
        for (String each : Objects.requireNonNull(paths, "paths")) {
            if (!each.startsWith("/"))
                throw new IllegalArgumentException("collect: '%s' must be absolute".formatted(each));
        }
        List<String> all = List.of(paths);
        return with(copy -> copy.collected = all);
    }

    List<String> collected() {
        return collected;
    }

    /** Sets the memory that it and all that it starts may have, in bytes; 0 is no limit. */
    Command memoryLimit(long bytes) {
        return with(copy -> copy.memoryBytes = bytes);
    }

    /** Sets the CPU time of it and all that it starts; 0 is no limit. */
    Command cpuLimit(Duration value) {
        return with(copy -> copy.cpuTime = value);
    }

    /** Sets how many processes there may be at a time, with itself; 0 is no limit. */
    Command processLimit(int value) {
        return with(copy -> copy.processes = value);
    }

    /** Returns it with what an image says where it says nothing itself. */
    Command orElse(ImageConfig image) {
        Map<String, String> variables = new LinkedHashMap<>();
        for (String each : image.env()) {
            int at = each.indexOf('=');
            if (at > 0) variables.put(each.substring(0, at), each.substring(at + 1));
        }
        variables.putAll(environment);
        return with(copy -> {
            copy.environment = variables;
            if (directory.isEmpty()) copy.directory = image.workdir();
            if (user.isEmpty()) copy.user = image.user();
        });
    }

    byte[] input() {
        return input;
    }

    Duration timeout() {
        return timeout;
    }

    long outputLimit() {
        return outputLimit;
    }

    /** Returns the request that starts it, with further flags of {@link Wire}. */
    Payload request(int flags) {
        return Payload.of(Wire.EXEC)
                .int32(flags
                        | (terminal ? Wire.TERMINAL : 0)
                        | (endsTree ? Wire.END_TREE : 0)
                        | (detached ? Wire.DETACHED : 0))
                .int32((int) timeout.toMillis())
                .int32(columns)
                .int32(rows)
                .int64(memoryBytes)
                .int64(cpuTime.toNanos() / 1000)
                .int32(processes)
                .text(directory)
                .text(user)
                .texts(words)
                .texts(environment.entrySet().stream()
                        .map(each -> each.getKey() + "=" + each.getValue())
                        .toList());
    }

    /** Returns the words, separated by spaces. */
    @Override
    public String toString() {
        return String.join(" ", words);
    }
}
