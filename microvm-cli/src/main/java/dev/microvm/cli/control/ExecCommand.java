package dev.microvm.cli.control;

import dev.microvm.cli.ExitHook;
import dev.microvm.cli.attach.CommandOptions;
import dev.microvm.cli.attach.Signals;
import dev.microvm.cli.attach.StandardStreams;
import java.io.IOException;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Parameters;
import picocli.CommandLine.Spec;

/** {@code microvm exec}: a further command in a guest that runs. */
@Command(
        name = "exec",
        description = "Runs a further command in a machine that runs, with this program's streams and exit code.",
        mixinStandardHelpOptions = true)
public final class ExecCommand implements Callable<Integer> {
    @Mixin
    private CommandOptions options = new CommandOptions();

    @Parameters(index = "0", paramLabel = "NAME", description = "The machine: see microvm ps.")
    private String name = "";

    @Parameters(index = "1..*", arity = "1..*", paramLabel = "COMMAND", description = "The command and its arguments.")
    private List<String> words = new ArrayList<>();

    @Spec
    void stopAtCommand(CommandSpec spec) {
        spec.parser().stopAtPositional(true); // the rest is the guest's command, options included
    }

    @Override
    public Integer call() throws IOException {
        StandardStreams streams = options.streams();
        streams.check();
        if (words.getFirst().equals("--")) words = words.subList(1, words.size());
        try (RemoteCommand command = RemoteCommand.start(name, options.request(words));
                var _ = new ExitHook("command", () -> command.signal(Signals.TERM))) {
            return streams.connect(command, OutputStream.nullOutputStream());
        }
    }
}
