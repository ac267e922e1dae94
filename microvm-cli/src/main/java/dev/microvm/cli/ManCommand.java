package dev.microvm.cli;

import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Parameters;

/** {@code microvm man}: manual pages. */
@Command(
        name = "man",
        description = "Prints a manual page.",
        mixinStandardHelpOptions = true,
        footer = {"", "  microvm man run | man -l -"})
final class ManCommand implements Callable<Integer> {
    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "COMMAND",
            description = "The command; the program itself if it is left out.")
    private @Nullable String command;

    @Override
    public Integer call() {
        CommandLine program = Main.commandLine();
        CommandLine shown = command == null ? program : program.getSubcommands().get(command);
        if (shown == null) {
            throw new CliException("there is no command '" + command + "'", "microvm --help lists them");
        }
        System.out.print(ManPage.of(shown.getCommandSpec()));
        return 0;
    }
}
