package dev.microvm.cli.control;

import dev.microvm.cli.CliException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code microvm cp}: files between host and guest. */
@Command(
        name = "cp",
        description = "Copies a file or a folder into a machine that runs, or out of it.",
        mixinStandardHelpOptions = true,
        footer = {
            "",
            "As docker cp: a folder that exists receives what is copied; FOLDER/. is what",
            "the folder has. One of both paths is NAME:/PATH.",
            "",
            "  microvm cp src/. work:/src      microvm cp work:/var/log/app.log ."
        })
public final class CpCommand implements Callable<Integer> {
    private static final Pattern IN_GUEST = Pattern.compile("([A-Za-z0-9._-]{1,40}):(/.*)");

    @Parameters(index = "0", paramLabel = "FROM", description = "A path, or NAME:/PATH.")
    private String from = "";

    @Parameters(index = "1", paramLabel = "TO", description = "A path, or NAME:/PATH.")
    private String to = "";

    @Override
    public Integer call() throws IOException {
        Matcher source = IN_GUEST.matcher(from);
        Matcher target = IN_GUEST.matcher(to);
        if (source.matches() == target.matches()) {
            throw new CliException(
                    "cp: one of both must be in a machine: %s, %s".formatted(from, to), "write it as NAME:/PATH");
        }
        if (target.matches()) copyIn(target.group(1), target.group(2));
        else copyOut(source.group(1), source.group(2));
        return 0;
    }

    private void copyIn(String machine, String guest) throws IOException {
        Path host = Path.of(from);
        if (!Files.exists(host)) throw new CliException("cp: " + from + " does not exist", "");
        String path = host.toAbsolutePath() + (from.endsWith("/.") ? "/." : "");
        ask(machine, Message.COPY_IN, path, guest);
    }

    private void copyOut(String machine, String guest) throws IOException {
        ask(machine, Message.COPY_OUT, guest, Path.of(to).toAbsolutePath().toString());
    }

    private static void ask(String machine, int type, String from, String to) throws IOException {
        try (Connection connection = Machines.connect(machine)) {
            connection.send(type, out -> {
                out.writeUTF(from);
                out.writeUTF(to);
            });
            Machines.expectOk(connection);
        }
    }
}
