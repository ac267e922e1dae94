package dev.microvm.cli;

import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/**
 * {@code microvm lesson}: runs a lesson, by {@code scripts/lesson} of the checkout that this program
 * runs from, or else from the class path.
 */
@Command(
        name = "lesson",
        description = "Runs a lesson: a short program that shows how a machine works.",
        mixinStandardHelpOptions = true)
final class LessonCommand implements Callable<Integer> {
    /** Names the checkout; scripts/microvm sets it. */
    private static final String CHECKOUT = "MICROVM_CHECKOUT";

    private static final String LESSONS = "dev.microvm.examples.Lessons";

    @Parameters(
            index = "0",
            arity = "0..1",
            paramLabel = "N",
            description = "Its number, from 1; lists the lessons if it is left out.")
    private @Nullable Integer number;

    @Option(names = "--list", description = "Lists the lessons, as without a number.")
    private boolean list;

    @Override
    public Integer call() throws Exception {
        List<String> arguments = list || number == null ? List.of() : List.of(number.toString());
        String checkout = System.getenv(CHECKOUT);
        Path script = Path.of(checkout == null ? "." : checkout, "scripts", "lesson");
        if (checkout != null && Files.isExecutable(script)) return runScript(script, arguments);
        return runClass(arguments);
    }

    private static int runScript(Path script, List<String> arguments) throws IOException, InterruptedException {
        List<String> words = new ArrayList<>(List.of(script.toString()));
        words.addAll(arguments.isEmpty() ? List.of("--list") : arguments);
        return new ProcessBuilder(words).inheritIO().start().waitFor();
    }

    private static int runClass(List<String> arguments) throws Exception {
        Method main;
        try {
            main = Class.forName(LESSONS).getMethod("main", String[].class);
        } catch (ClassNotFoundException e) {
            throw new CliException(
                    "the lessons are not part of this program", "run scripts/microvm lesson in a checkout of microvm");
        }
        try {
            main.invoke(null, (Object) arguments.toArray(String[]::new));
            return 0;
        } catch (InvocationTargetException e) {
            throw e.getCause() instanceof Exception failure ? failure : e;
        }
    }
}
