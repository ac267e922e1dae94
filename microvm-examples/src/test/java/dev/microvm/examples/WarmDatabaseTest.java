package dev.microvm.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.boot.testing.LinuxGuest;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.sandbox.Sandbox;
import dev.microvm.sandbox.SandboxBuilder;
import dev.microvm.sandbox.root.Root;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Lanes.Engine
@Timeout(300)
final class WarmDatabaseTest {
    private static final int TESTS = 10;

    @Test
    void eachTestHasTheDatabaseAsItWasFilled(@TempDir Path folder) throws IOException {
        SandboxBuilder guest = Sandbox.builder()
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(
                        LinuxGuest.kernel(folder),
                        GuestFiles.file("cloud/modules"),
                        Files.readString(GuestFiles.file("cloud/release")).strip())
                .root(Root.directory(GuestFiles.file("sqlite")))
                .startTimeout(Duration.ofMinutes(3));

        assertThat(WarmDatabase.run(guest, TESTS)).hasSize(TESTS);
    }
}
