package dev.microvm.cli.run;

import dev.microvm.cli.CliException;
import dev.microvm.cli.Durations;
import dev.microvm.sandbox.Command;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
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
    @Nullable
    private String directory;

    @Option(
            names = {"-u", "--user"},
            paramLabel = "USER[:GROUP]",
            description = "Sets the user: a name or a number.")
    @Nullable
    private String user;

    @Option(
            names = "--timeout",
            paramLabel = "TIME",
            converter = Durations.class,
            description = "Kills the command after this time; the exit code is 124 then.")
    @Nullable
    private Duration timeout;

    /** Returns whether standard input is passed on. */
    public boolean interactive() {
        return interactive;
    }

    /** Returns whether the command has a terminal. */
    public boolean terminal() {
        return terminal;
    }

    /** Returns the command of the given words, as these options want it, but for its terminal. */
    public Command command(List<String> words) {
        Command command =
                Command.of(words.getFirst(), words.subList(1, words.size()).toArray(String[]::new));
        try {
            for (String each : variables) command = withVariable(command, each);
            if (timeout != null) command = command.timeout(timeout);
        } catch (IllegalArgumentException e) {
            throw new CliException(String.valueOf(e.getMessage()), "change the option");
        }
        if (directory != null) command = command.directory(directory);
        return user == null ? command : command.user(user);
    }

    private static Command withVariable(Command command, String text) {
        int at = text.indexOf('=');
        if (at >= 0) return command.environment(text.substring(0, at), text.substring(at + 1));
        String value = System.getenv(text);
        return value == null ? command : command.environment(text, value);
    }
}
