package dev.microvm.cli.attach;

import dev.microvm.cli.CliException;
import dev.microvm.cli.Durations;
import dev.microvm.linux.TerminalSize;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Options of a command in a guest, those of docker(1). */
public final class CommandOptions {
    @Option(
            names = {"-i", "--interactive"},
            description = "Passes standard input on.")
    private boolean interactive;

    @Option(
            names = {"-t", "--tty"},
            description = "Gives the command a terminal; with -i, it is this one.")
    private boolean terminal;

    @Option(
            names = {"-e", "--env"},
            paramLabel = "NAME[=VALUE]",
            description = "Sets a variable; without a value, that of this environment.")
    private List<String> variables = new ArrayList<>();

    @Option(
            names = {"-w", "--workdir"},
            paramLabel = "DIR",
            description = "Sets the working directory.")
    private @Nullable String directory;

    @Option(
            names = {"-u", "--user"},
            paramLabel = "USER[:GROUP]",
            description = "Sets the user: a name or a number.")
    private @Nullable String user;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            converter = Durations.class,
            description = "Kills the command after this time; the exit code is 124 then.")
    private Duration timeout = Duration.ZERO;

    /** Returns the streams of this process, as the command uses them. */
    public StandardStreams streams() {
        return new StandardStreams(interactive, terminal);
    }

    /** Returns the command of the given words. */
    public CommandRequest request(List<String> words) {
        TerminalSize size = terminal ? streams().size() : new TerminalSize(0, 0);
        CommandRequest request = new CommandRequest(
                words,
                environment(),
                Objects.requireNonNullElse(directory, ""),
                Objects.requireNonNullElse(user, ""),
                timeout,
                size.columns(),
                size.rows());
        try {
            request.command(); // refuses what no guest takes, before one starts
        } catch (IllegalArgumentException e) {
            throw new CliException(String.valueOf(e.getMessage()), "change the option of this name");
        }
        return request;
    }

    private Map<String, String> environment() {
        Map<String, String> all = new LinkedHashMap<>();
        for (String each : variables) {
            int at = each.indexOf('=');
            String value = at < 0 ? System.getenv(each) : each.substring(at + 1);
            if (value != null) all.put(at < 0 ? each : each.substring(0, at), value);
        }
        return all;
    }
}
