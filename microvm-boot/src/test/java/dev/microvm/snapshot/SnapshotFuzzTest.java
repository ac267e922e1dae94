package dev.microvm.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.AwaitTimeoutException;
import dev.microvm.MicroVm;
import dev.microvm.MicroVmConfigException;
import dev.microvm.Snapshot;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.boot.testing.AllocatedBytes;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.error.MicroVmException;
import dev.microvm.model.ExitReport;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.SnapshotException;
import dev.microvm.state.DeviceState;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Snapshots whose parts are intact, but for some values, and archives of any bytes. They are opened,
 * and machines continue from them, or are refused by an exception that says so; no value makes a
 * device throw later, or takes much time or heap. In an ordinary build the samples are tried; with
 * JAZZER_FUZZ=1 Jazzer looks for new ones.
 */
@Lanes.Engine
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class SnapshotFuzzTest {
    private static final Duration SOON = Duration.ofSeconds(60);
    private static final Duration MOMENT = Duration.ofMillis(3); // in which the guest continues
    private static final long MOST_ALLOCATED = 256 << 20; // bytes of heap; an overlay may be large

    @TempDir
    private static Path folder;

    private static DeviceState fields = new DeviceState("none", 1);

    static Stream<byte[]> scripts() {
        return IntStream.range(0, Integer.getInteger("microvm.cases", 120)).mapToObj(seed -> {
            Random random = new Random(seed);
            byte[] script = new byte[ChangedState.SCRIPT * (1 + random.nextInt(3))];
            random.nextBytes(script);
            return script;
        });
    }

    static Stream<byte[]> archives() {
        return IntStream.range(0, 20).mapToObj(seed -> {
            byte[] bytes = new byte[200];
            new Random(seed).nextBytes(bytes);
            return bytes;
        });
    }

    @BeforeAll
    static void takeSnapshot() throws IOException {
        Path disk = Files.write(folder.resolve("disk"), new byte[1 << 20]);
        try (MicroVm vm = TinyKernel.of("virtio", folder, "endless")
                .hypervisor(HypervisorChoice.ENGINE)
                .vcpus(2)
                .virtioRng()
                .virtioBlk(DiskImage.raw(disk).overlay())
                .virtioNet(UserNetwork.builder().build())
                .virtioConsole("agent")
                .virtioBalloon()
                .virtioVsock(3)
                .start()) {
            vm.console().awaitText(".", SOON);
            Path manifest = vm.snapshot(folder.resolve("snapshot")).folder().resolve("manifest");
            fields = DeviceState.decode(ManifestFile.fields(manifest, Files.readAllBytes(manifest)));
        }
        continues(new byte[0]); // what loading classes allocates is not a snapshot's doing
    }

    @MethodSource("scripts")
    @FuzzTest(maxDuration = "")
    void state(byte[] script) {
        assertThat(AllocatedBytes.by(() -> continues(script))).isLessThan(MOST_ALLOCATED);
    }

    private static void continues(byte[] script) {
        Path snapshot = folder.resolve("snapshot");
        ManifestFiles.write(
                snapshot.resolve("manifest"),
                ChangedState.of(fields, ByteBuffer.wrap(script)).encode());
        try (MicroVm vm = Snapshot.open(snapshot)
                .restore()
                .hypervisor(HypervisorChoice.ENGINE)
                .start()) {
            type(vm);
            ExitReport report = vm.awaitExit(MOMENT);
            assertThat(report.detail()).doesNotContain("java.", "Exception");
        } catch (SnapshotException | MicroVmConfigException | AwaitTimeoutException e) {
            // refused, or it runs
        }
    }

    private static void type(MicroVm vm) {
        try {
            vm.console().type("x");
        } catch (MicroVmException e) {
            vm.awaitExit(SOON); // it ends already
        }
    }

    @MethodSource("archives")
    @FuzzTest(maxDuration = "")
    void archive(byte[] content) throws IOException {
        Path file = Files.write(folder.resolve("archive"), content);
        Path target = folder.resolve("unpacked");
        try {
            SnapshotFolder.unpack(file, target).verify();
            NewFolder.delete(target);
        } catch (SnapshotException e) {
            assertThat(target).doesNotExist();
        }
    }
}
