package dev.microvm.examples;

import dev.microvm.MicroVm;
import dev.microvm.backend.net.user.UserNetwork;
import java.io.IOException;
import java.io.InputStream;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;

/**
 * Lesson 10: a network without any privilege. A web server in the guest answers on a port of the
 * host's loopback.
 */
public final class PortForward {
    private static final int HOST_PORT = 18080;
    private static final int GUEST_PORT = 80;
    private static final String SCRIPT = """
            ip link set eth0 up
            ip addr add 10.0.2.15/24 dev eth0
            echo "Hello over $(uname -r)" > /tmp/index.html
            httpd -p 80 -h /tmp
            echo "the server is up"
            sleep 1000
            """;

    private PortForward() {}

    /** Fetches a page from the guest. */
    public static void main(String[] args) throws IOException {
        UserNetwork network =
                UserNetwork.builder().forwardTcp(HOST_PORT, GUEST_PORT).build();
        try (MicroVm vm = Guest.running(SCRIPT, "virtio_mmio", "virtio_net")
                .virtioNet(network)
                .start()) {
            vm.console().awaitText("the server is up", Duration.ofMinutes(2));
            URI page = URI.create("http://127.0.0.1:" + HOST_PORT + "/");
            try (InputStream in = page.toURL().openStream()) {
                System.out.print("from " + page + ": " + new String(in.readAllBytes(), StandardCharsets.UTF_8));
            }
        }
    }
}
