package dev.microvm.backend.net;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Taps of this host, for which a test needs root; LinuxNetworkTest sends through one. */
final class TapBackendTest {
    private final String name = "mvt" + (System.nanoTime() & 0xff_ffff);

    @Test
    void usesOneQueueOfATapThatWasMadeForSeveral() throws IOException, InterruptedException {
        Lanes.need("network", problem());
        ip("tuntap", "add", "dev", name, "mode", "tap", "multi_queue");
        try (TapBackend tap = new TapBackend(name)) {
            tap.start("test", () -> {});

            assertThat(tap.mtu()).isEqualTo(NetBackend.ETHERNET_MTU);
        } finally {
            ip("link", "delete", name);
        }
    }

    private static String problem() {
        if (!"root".equals(System.getProperty("user.name"))) return "making taps needs root";
        if (!Files.exists(Path.of("/usr/sbin/ip"))) return "install the package iproute2";
        return Files.exists(Path.of("/dev/net/tun")) ? "" : "making taps needs /dev/net/tun";
    }

    private static void ip(String... words) throws IOException, InterruptedException {
        ProcessBuilder builder = new ProcessBuilder(words).inheritIO();
        builder.command().addFirst("/usr/sbin/ip");
        assertThat(builder.start().waitFor()).isZero();
    }
}
