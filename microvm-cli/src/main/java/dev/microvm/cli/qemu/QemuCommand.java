package dev.microvm.cli.qemu;

import java.util.List;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Unmatched;

/** {@code microvm qemu}: takes a command line of {@code qemu-system-x86_64 -M microvm} as it is. */
@Command(name = "qemu", description = "Runs a command line of qemu-system-x86_64 -M microvm.")
public final class QemuCommand implements Callable<Integer> {
    @Unmatched
    private List<String> arguments = List.of();

    @Override
    public Integer call() {
        throw new UnsupportedOperationException("qemu " + arguments);
    }
}
