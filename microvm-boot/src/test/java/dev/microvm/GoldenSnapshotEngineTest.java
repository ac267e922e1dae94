package dev.microvm;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Snapshots that earlier versions wrote are opened, and their guests continue. */
@Lanes.Engine
@Timeout(120)
final class GoldenSnapshotEngineTest {
    private static final Duration SOON = Duration.ofSeconds(60);

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(ints = {1, 2})
    void continues_whateverVersionWroteIt(int version) throws IOException {
        GoldenSnapshot.unpack("/snapshots/version-%d.zip".formatted(version), folder);

        assertContinues(Snapshot.open(folder));
    }

    @ParameterizedTest
    @ValueSource(ints = 2)
    void continuesFromAChain_whateverVersionWroteIt(int version) throws IOException {
        GoldenSnapshot.unpack("/snapshots/chain-%d.zip".formatted(version), folder);

        assertContinues(Snapshot.open(folder.resolve(GoldenSnapshot.DIFF)));
    }

    private void assertContinues(Snapshot golden) throws IOException {
        golden.verify();
        DiskImage disk = DiskImage.raw(Files.write(folder.resolve("disk"), new byte[4096]))
                .readOnly();

        try (MicroVm vm = golden.restore().disk(0, disk).start()) {
            vm.console().type("c.");
            assertThat(vm.awaitExit(SOON).exitCode()).hasValue(7);
            assertThat(vm.console().text()).contains("C");
        }
    }
}
