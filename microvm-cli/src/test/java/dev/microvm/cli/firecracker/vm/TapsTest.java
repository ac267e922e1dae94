package dev.microvm.cli.firecracker.vm;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.backend.net.TapBackend;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** Taps of this host, for which a test needs root. */
final class TapsTest {
    private static final String OPEN = "Could not create the network device: Open tap device failed: ";

    @Test
    void refusesATapThatAnotherMachineHas() {
        Lanes.need("network", problem());
        String name = "mvf" + (System.nanoTime() & 0xff_ffff);
        Taps.check(name);
        try (TapBackend held = new TapBackend(name)) {
            held.start("other", () -> {});

            assertThatThrownBy(() -> Taps.check(name))
                    .isInstanceOf(Refusal.class)
                    .hasMessage(OPEN + "Error while creating ifreq structure: Device or resource busy (os error 16)."
                            + " Invalid TUN/TAP Backend provided by " + name
                            + ". Check our documentation on setting up the network devices.");
        }
        assertThat(Taps.busy(name)).startsWith(OPEN).contains("(os error 16)");
    }

    private static String problem() {
        if (!"root".equals(System.getProperty("user.name"))) return "making taps needs root";
        return Files.exists(Path.of("/dev/net/tun")) ? "" : "making taps needs /dev/net/tun";
    }
}
