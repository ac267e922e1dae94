package dev.microvm.cli;

import dev.microvm.MicroVmConfigException;
import dev.microvm.error.MicroVmException;
import dev.microvm.sandbox.CommandStartException;
import java.io.PrintWriter;
import java.util.List;
import java.util.Locale;
import picocli.CommandLine;
import picocli.CommandLine.IExecutionExceptionHandler;
import picocli.CommandLine.IParameterExceptionHandler;
import picocli.CommandLine.Model.OptionSpec;
import picocli.CommandLine.ParameterException;
import picocli.CommandLine.ParseResult;
import picocli.CommandLine.UnmatchedArgumentException;

/** Says on standard error what is wrong and what to do about it, and chooses the exit code. */
final class ErrorReports implements IParameterExceptionHandler, IExecutionExceptionHandler {
    /** Shows the stack of each error. */
    private static final String TRACE = "MICROVM_TRACE";

    @Override
    public int handleParseException(ParameterException e, String[] arguments) {
        CommandLine command = e.getCommandLine();
        String name = command.getCommandSpec().qualifiedName();
        PrintWriter err = command.getErr();
        err.println(name + ": " + problem(e, arguments));
        List<String> near = e instanceof UnmatchedArgumentException unmatched ? unmatched.getSuggestions() : List.of();
        String help = name + " --help explains its use";
        err.println("  " + (near.isEmpty() ? help : "did you mean " + String.join(", ", near) + "? " + help));
        err.flush();
        int code = command.getCommandSpec().exitCodeOnInvalidInput();
        return code == CommandLine.ExitCode.USAGE ? ExitCode.FAILED : code; // a command may have its own
    }

    private static String problem(ParameterException e, String[] arguments) {
        if (e instanceof UnmatchedArgumentException unmatched) return unexpected(unmatched);
        String message = String.valueOf(e.getMessage());
        if (e.getArgSpec() instanceof OptionSpec option) {
            message = message.replace("'" + option.longestName() + "'", "'" + nameIn(arguments, option) + "'");
        }
        return message.substring(0, 1).toLowerCase(Locale.ROOT) + message.substring(1);
    }

    /** Returns the option's name that was typed, of those that it has. */
    private static String nameIn(String[] arguments, OptionSpec option) {
        for (String argument : arguments) {
            for (String name : option.names()) {
                if (argument.equals(name) || argument.startsWith(name + "=")) return name;
            }
        }
        return option.longestName();
    }

    private static String unexpected(UnmatchedArgumentException e) {
        String word = e.getUnmatched().getFirst();
        if (word.startsWith("-")) return "unknown option '" + word + "'";
        boolean hasCommands = !e.getCommandLine().getSubcommands().isEmpty();
        return (hasCommands ? "unknown command '" : "unexpected argument '") + word + "'";
    }

    @Override
    public int handleExecutionException(Exception e, CommandLine command, ParseResult parsed) {
        String name = command.getCommandSpec().qualifiedName();
        PrintWriter err = command.getErr();
        if (ExitHook.hasBegun()) return ExitCode.FAILED; // a signal ends the program, which is no error
        switch (e) {
            case CliException mistake -> {
                err.println(name + ": " + mistake.getMessage());
                if (!mistake.remedy().isEmpty()) err.println("  " + mistake.remedy());
            }
            case MicroVmConfigException wrong ->
                wrong.problems().forEach(problem -> err.println(name + ": " + problem));
            case MicroVmException known -> err.println(name + ": " + known.getMessage());
            default -> err.println(name + ": internal error: " + e + ": " + TRACE + "=1 in the environment shows more");
        }
        if (System.getenv(TRACE) != null) e.printStackTrace(err);
        err.flush();
        return code(e);
    }

    private static int code(Exception e) {
        return switch (e) {
            case CliException mistake -> mistake.exitCode();
            case CommandStartException refused -> refused.notFound() ? ExitCode.NOT_FOUND : ExitCode.NOT_EXECUTABLE;
            default -> ExitCode.FAILED;
        };
    }
}
