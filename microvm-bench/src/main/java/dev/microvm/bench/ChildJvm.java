package dev.microvm.bench;

import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;

/** Starts a main class in a new JVM, with the options of this one. */
final class ChildJvm {
    private ChildJvm() {}

    static Process start(List<String> moreOptions, Class<?> main, List<String> arguments) throws IOException {
        return builder(moreOptions, main, arguments).start();
    }

    static ProcessBuilder builder(List<String> moreOptions, Class<?> main, List<String> arguments) {
        List<String> command = new ArrayList<>();
        command.add(Path.of(System.getProperty("java.home"), "bin", "java").toString());
        command.addAll(ManagementFactory.getRuntimeMXBean().getInputArguments());
        command.addAll(moreOptions);
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), main.getName()));
        command.addAll(arguments);
        return new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT);
    }
}
