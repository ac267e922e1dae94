package dev.microvm.cli.control;

import dev.microvm.cli.Durations;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/** {@code microvm stop}: ends machines. */
@Command(
        name = "stop",
        description = "Ends machines: by SIGTERM for their command, or by the power button of a guest without one.",
        mixinStandardHelpOptions = true)
public final class StopCommand implements Callable<Integer> {
    @Option(
            names = {"-t", "--time"},
            paramLabel = "TIME",
            converter = Durations.class,
            description = "How long to wait before they are ended by force. Default: 10s.")
    private Duration grace = Duration.ofSeconds(10);

    @Parameters(arity = "1..*", paramLabel = "NAME", description = "The machines: see microvm ps.")
    private List<String> names = new ArrayList<>();

    @Override
    public Integer call() throws IOException {
        for (String name : names) {
            try (Connection connection = Machines.connect(name)) {
                connection.send(Message.STOP, to -> to.writeLong(grace.toMillis()));
                Message refusal = connection.receive(); // its end is the answer
                if (refusal != null) Machines.requireOk(refusal);
            }
            System.out.println(name);
        }
        return 0;
    }
}
