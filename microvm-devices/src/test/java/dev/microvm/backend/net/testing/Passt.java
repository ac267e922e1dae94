package dev.microvm.backend.net.testing;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.net.StreamBackend;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.stream.Stream;

/**
 * A real passt, for one guest: found by the property {@code microvm.passt}, or where Debian's
 * package puts it.
 */
public final class Passt implements AutoCloseable {
    /** The address that the guest gets by DHCP. */
    public static final String GUEST = "10.9.8.15";

    /** The guest's router, which leads to the host's loopback. */
    public static final String ROUTER = "10.9.8.2";

    private static final int PREFIX_BITS = 24;
    private static final Path SOCKETS = Path.of("/proc/net/unix");
    private static final String LISTENING = " 00010000 "; // __SO_ACCEPTCON, include/uapi/linux/net.h

    private final Path socket;
    private final Process process;

    /**
     * Starts it; where there is none, skips the test as {@link Lanes#need} does.
     *
     * @param folder for its socket and its log
     */
    public Passt(Path folder) throws IOException, InterruptedException {
        Path program = Path.of(System.getProperty("microvm.passt", "/usr/bin/passt"));
        Lanes.need("passt", Files.isExecutable(program) ? "" : "there is no " + program + ": scripts/test installs it");
        socket = folder.resolve("passt.socket");
        Path log = folder.resolve("passt.log");
        // No ports of the host's; as the user that we are, whom the folder belongs to.
        String options = "--foreground --ipv4-only --runas 0 --address %s --netmask %d --gateway %s -t none -u none"
                .formatted(GUEST, PREFIX_BITS, ROUTER);
        process = new ProcessBuilder((program + " " + options + " --socket " + socket).split(" ", -1))
                .redirectErrorStream(true)
                .redirectOutput(log.toFile())
                .start();
        while (!listens()) {
            assertThat(process.isAlive()).as(Files.readString(log)).isTrue();
            Thread.sleep(20);
        }
    }

    private boolean listens() throws IOException {
        try (Stream<String> sockets = Files.lines(SOCKETS)) {
            return sockets.anyMatch(line -> line.endsWith(" " + socket) && line.contains(LISTENING));
        }
    }

    /** What a machine is given to be on its network. */
    public StreamBackend network() {
        return StreamBackend.unix(socket);
    }

    @Override
    public void close() {
        process.destroyForcibly().onExit().join();
    }
}
