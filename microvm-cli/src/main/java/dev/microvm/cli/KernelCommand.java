package dev.microvm.cli;

import dev.microvm.Kernels;
import java.nio.file.Path;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Option;

/** {@code microvm kernel}: the bundled kernel. */
@Command(
        name = "kernel",
        description = "Names the file of the bundled kernel.",
        mixinStandardHelpOptions = true,
        footer = {"", "Exits with 1 if this program has no bundled kernel."})
final class KernelCommand implements Callable<Integer> {
    @Option(names = "--path", description = "Prints nothing but the path.")
    private boolean pathOnly;

    @Override
    public Integer call() {
        Path file = Kernels.findBundled()
                .orElseThrow(() -> new CliException(
                        "this program has no bundled kernel", "scripts/kernel builds one from Debian's source", 1));
        System.out.println(pathOnly ? file : "bundled kernel: " + file);
        return 0;
    }
}
