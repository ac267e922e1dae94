package dev.microvm.cli.control;

import java.io.IOException;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm logs}: what a machine has printed. */
@Command(
        name = "logs",
        description = "Prints what the command of a machine that runs has printed: the newest 256 KiB.",
        mixinStandardHelpOptions = true)
public final class LogsCommand implements Callable<Integer> {
    @Option(
            names = {"-f", "--follow"},
            description = "Waits for more, to the machine's end.")
    private boolean follow;

    @Option(names = "--console", description = "Prints what is on the guest's console instead.")
    private boolean console;

    @Parameters(index = "0", paramLabel = "NAME", description = "The machine: see microvm ps.")
    private String name = "";

    @Override
    public Integer call() throws IOException {
        try (Connection connection = Machines.connect(name)) {
            connection.send(Message.LOGS, to -> {
                to.writeBoolean(console);
                to.writeBoolean(follow);
            });
            for (Message next = connection.receive(); next != null; next = connection.receive()) {
                if (next.type() == Message.EXIT) break;
                if (next.type() == Message.STDOUT) System.out.write(next.content());
                else Machines.requireOk(next);
                System.out.flush();
            }
        }
        return 0;
    }
}
