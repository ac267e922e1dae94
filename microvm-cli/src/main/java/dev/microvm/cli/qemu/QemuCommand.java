package dev.microvm.cli.qemu;

import dev.microvm.MicroVmConfigException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/**
 * {@code microvm qemu}: takes a command line of {@code qemu-system-x86_64 -M microvm} as it is. All
 * that is wrong with it is reported before anything starts.
 */
@Command(name = "qemu", description = "Runs a command line of qemu-system-x86_64 -M microvm.")
public final class QemuCommand implements Callable<Integer> {
    @Unmatched
    private final List<String> arguments = new ArrayList<>();

    @Override
    public Integer call() throws IOException, InterruptedException {
        return run(arguments);
    }

    /** Runs a command line and returns the exit code. */
    static int run(List<String> arguments) throws IOException, InterruptedException {
        Invocation command = Invocation.parse(arguments);
        if (!command.help().isEmpty()) {
            System.out.print(command.help());
            System.out.flush();
            return 0;
        }
        Assembly.complete(command);
        command.problems().problems().forEach(each -> System.err.println("microvm qemu: " + each));
        if (!command.problems().problems().isEmpty()) return ExitCodes.FAILURE;
        command.problems().notes().forEach(each -> System.err.println("microvm qemu: " + each));
        try {
            if (command.daemonize && !Background.isHere()) return Background.start();
            return Session.run(command);
        } catch (MicroVmConfigException e) {
            System.err.println("microvm qemu: " + e.getMessage());
            return ExitCodes.FAILURE;
        }
    }
}
