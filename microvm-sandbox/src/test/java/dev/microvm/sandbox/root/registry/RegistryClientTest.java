package dev.microvm.sandbox.root.registry;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.sandbox.root.Root;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import org.junit.jupiter.api.Test;

/** RegistryTest has registries that answer. */
final class RegistryClientTest {
    @Test
    void saysWhatCannotBeReached() throws IOException {
        int port;
        try (ServerSocket closed = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = closed.getLocalPort();
        }

        assertThatThrownBy(() ->
                        Root.image("127.0.0.1:%d/tools/none:1".formatted(port)).prepare())
                .hasMessageContaining("127.0.0.1:%d cannot be reached", port)
                .hasMessageContaining("check its name and port, and the network of this host");
    }
}
