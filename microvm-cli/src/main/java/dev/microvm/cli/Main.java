package dev.microvm.cli;

import dev.microvm.cli.firecracker.FirecrackerCommand;
import dev.microvm.cli.qemu.QemuCommand;
import picocli.CommandLine;
import picocli.CommandLine.Command;

/** The program {@code microvm}: starts microVMs from a shell. */
@Command(
        name = "microvm",
        description = "Starts microVMs.",
        mixinStandardHelpOptions = true,
        subcommands = {QemuCommand.class, FirecrackerCommand.class})
public final class Main {
    private Main() {}

    /** Runs one command, and ends the JVM with its exit code. */
    public static void main(String[] arguments) {
        System.exit(new CommandLine(new Main()).execute(arguments));
    }
}
