package dev.microvm.cli.firecracker;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code microvm firecracker}: Firecracker's configuration file and API over a Unix socket. */
@Command(name = "firecracker", description = "Serves Firecracker's API and reads its configuration file.")
public final class FirecrackerCommand implements Callable<Integer> {
    @Override
    public Integer call() {
        throw new UnsupportedOperationException("firecracker");
    }
}
