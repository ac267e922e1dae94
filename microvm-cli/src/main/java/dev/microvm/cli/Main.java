package dev.microvm.cli;

import dev.microvm.cli.doctor.DoctorCommand;
import dev.microvm.cli.firecracker.FirecrackerCommand;
import dev.microvm.cli.qemu.QemuCommand;
import dev.microvm.cli.run.RunCommand;
import java.util.Arrays;
import picocli.CommandLine;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** The program {@code microvm}: starts microVMs from a shell, and looks after those that run. */
@Command(
        name = "microvm",
        description = "Runs commands and kernels in microVMs, on KVM or on an x86-64 CPU written in Java.",
        mixinStandardHelpOptions = true,
        versionProvider = ProgramVersion.class,
        synopsisSubcommandLabel = "COMMAND",
        footer = {"", "microvm COMMAND --help explains a command."},
        subcommands = {
            RunCommand.class,
            DoctorCommand.class,
            KernelCommand.class,
            LessonCommand.class,
            QemuCommand.class,
            FirecrackerCommand.class
        })
public final class Main implements Runnable {
    private static final String QEMU = "qemu";

    /** No word of a command line can have this character: execve(2) ends words by it. */
    private static final String NO_WORD = "\0";

    @Spec
    @SuppressWarnings("NullAway.Init") // set by picocli
    private CommandSpec spec;

    /** Runs one command, and ends the JVM with its exit code. */
    public static void main(String[] arguments) {
        System.exit(execute(arguments));
    }

    /** Runs one command, and returns its exit code. */
    static int execute(String... arguments) {
        if (arguments.length > 0 && arguments[0].equals(QEMU)) return executeRaw(arguments);
        return commandLine().execute(arguments);
    }

    /** Describes all commands. */
    static CommandLine commandLine() {
        return configured(new CommandLine(new Main()));
    }

    /** QEMU's options are not in the form of ours: the command gets each word as it is. */
    private static int executeRaw(String... arguments) {
        CommandLine qemu = configured(new CommandLine(new QemuCommand()))
                .setStopAtUnmatched(true)
                .setEndOfOptionsDelimiter(NO_WORD);
        return qemu.execute(Arrays.copyOfRange(arguments, 1, arguments.length));
    }

    private static CommandLine configured(CommandLine program) {
        ErrorReports reports = new ErrorReports();
        return program.setExpandAtFiles(false)
                .setCaseInsensitiveEnumValuesAllowed(true)
                .setUsageHelpAutoWidth(true)
                .setAbbreviatedOptionsAllowed(false)
                .setParameterExceptionHandler(reports)
                .setExecutionExceptionHandler(reports);
    }

    @Override
    public void run() {
        spec.commandLine().usage(System.out);
    }
}
