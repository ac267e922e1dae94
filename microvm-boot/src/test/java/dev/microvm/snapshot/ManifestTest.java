package dev.microvm.snapshot;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.MicroVm;
import dev.microvm.backend.disk.CacheMode;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.StreamBackend;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.user.NetPolicy;
import dev.microvm.backend.net.user.UserNetwork;
import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.net.VirtioNetOptions;
import dev.microvm.limits.RateLimit;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.SnapshotException;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.Arrays;
import java.util.BitSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** What is written of a snapshot besides its RAM, and read again. */
final class ManifestTest {
    @TempDir
    private Path folder;

    private static MachineSpec spec() {
        Path image = Path.of("/images/base.img");
        return MicroVm.builder()
                .name("all")
                .hypervisor(HypervisorChoice.ENGINE)
                .kernel(Path.of("/boot/vmlinuz"))
                .cmdline("console=ttyS0")
                .memoryMiB(64)
                .ram(RamBacking.shared())
                .pic(Feature.OFF)
                .cpuFeature("avx2", Feature.OFF)
                .cpuidLeaf(new CpuidEntry(0x4000_0010, 0, false, 1, -2, 3, 4))
                .clock(GuestClock.instructions(3).startingAt(Instant.parse("2031-01-01T00:00:00.5Z")))
                .typeAt(Duration.ofMillis(1500), "hello\n")
                .fwCfg("opt/org.example/a", new byte[] {1, 2, 3})
                .virtioBlk(VirtioBlkOptions.of(DiskImage.qcow2(Path.of("/images/top.qcow2"))
                                .backing(DiskImage.raw(image))
                                .overlay(1 << 20))
                        .serial("s-1")
                        .queues(2))
                .virtioBlk(DiskImage.raw(image).readOnly().cache(CacheMode.NONE))
                .virtioNet(
                        UserNetwork.builder()
                                .network("10.1.0.0/16")
                                .policy(NetPolicy.hostPorts(80, 443))
                                .nameServer(new InetSocketAddress("192.0.2.53", 53))
                                .build(),
                        VirtioNetOptions.DEFAULT
                                .address(MacAddress.parse("02:00:00:00:00:01"))
                                .toGuest(RateLimit.bytesPerSecond(1000)))
                .virtioNet(new TapBackend("tap7"))
                .virtioNet(StreamBackend.to(UnixDomainSocketAddress.of("/run/passt.sock")))
                .virtioRng()
                .virtioConsole("agent", "log")
                .virtioVsock(7, Path.of("/run/vsock"))
                .virtioBalloon()
                .portDevice("mine", 0x1000, 8, context -> {
                    throw new AssertionError("not made");
                })
                .spec();
    }

    private static Manifest manifest() {
        MachineSpec spec = spec();
        long size = spec.memory().bytes();
        Long[] checksums = new Long[MemoryFile.chunks(size)];
        Arrays.setAll(checksums, i -> i % 2 == 0 ? MemoryFile.ALL_ZERO : i * 1000L);
        MachineState state = new MachineState(
                spec,
                "engine",
                Instant.parse("2026-11-26T22:00:00.123456789Z"),
                OptionalLong.of(42),
                List.of(new SavedVcpu(
                        List.of(new CpuidEntry(0x8000_0001, 0, false, -1, 2, 3, 4)), 1_000_000, VcpuStates.some())),
                new LinkedHashMap<>(Map.of("com1", new DeviceState("uart", 1).put("a", 1))));
        DiffBase base = new DiffBase(Path.of("../base"), "ab".repeat(32), BitSet.valueOf(new long[] {5, 0, 1}));
        return new Manifest(state, size, List.of(checksums), List.of(new DiskStamp(0, 512, 99)), Optional.of(base));
    }

    @Test
    void comesBackFromItsFile() throws Exception {
        Path file = folder.resolve("manifest");
        ManifestFile.write(manifest(), file);

        assertThat(ManifestFile.read(file).manifest()).isEqualTo(manifest());
    }

    @Test
    void isRefused_whenItIsOfANewerVersion() throws Exception {
        Path file = folder.resolve("manifest");
        ManifestFile.write(manifest(), file);
        byte[] bytes = Files.readAllBytes(file);
        bytes[11] = 7;
        Files.write(file, bytes);

        assertThatExceptionOfType(SnapshotException.class)
                .isThrownBy(() -> ManifestFile.read(file))
                .withMessageContaining("has format 7, and this version of microvm reads formats 1 to 1");
    }

    @Test
    void isRefused_whenItsFieldsAreOfANewerVersion() throws Exception {
        DeviceState newer = new DeviceState("microvm-snapshot", 9);
        Path file = ManifestFiles.write(folder.resolve("manifest"), newer.encode());

        assertThatExceptionOfType(SnapshotException.class)
                .isThrownBy(() -> ManifestFile.read(file))
                .withMessageContaining("has version 9, and this version of microvm reads versions 1 to 2");
    }

    @Test
    void isRefused_whenAByteIsDamaged_orItIsCutShort() throws IOException {
        Path file = folder.resolve("manifest");
        ManifestFile.write(manifest(), file);
        byte[] bytes = Files.readAllBytes(file);
        long seed = Long.getLong("microvm.seed", System.nanoTime());
        Random random = new Random(seed);
        for (int i = 0; i < 300; i++) {
            byte[] damaged = bytes.clone();
            damaged[i < 20 ? i : random.nextInt(bytes.length)] ^= (byte) (1 + random.nextInt(255));
            if (i % 10 == 9) damaged = Arrays.copyOf(bytes, random.nextInt(bytes.length));
            Path bad = Files.write(folder.resolve("bad"), damaged);
            assertThatExceptionOfType(SnapshotException.class)
                    .as("seed %d, %d", seed, i)
                    .isThrownBy(() -> ManifestFile.read(bad))
                    .withMessageContaining(bad.toString());
        }
    }

    @Test
    void namesAFieldThatNobodyKnows() {
        DeviceState fields = manifest().write().put("spec.memory.colour", 3);

        assertThatIllegalArgumentException()
                .isThrownBy(() -> Manifest.read(fields))
                .withMessageContaining("unknown fields: [spec.memory.colour]");
    }

    @Test
    void namesAFieldThatIsMissing_andAKindThatThereIsNot() {
        DeviceState fields = new DeviceState("microvm-snapshot", 1);
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Manifest.read(fields.put("spec.memory.mib", 64)))
                .withMessageContaining("spec.memory");
        DeviceState kind = manifest().write().put("spec.memory.backing.kind", "Path".getBytes(UTF_8));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> Manifest.read(kind))
                .withMessageContaining("unknown kind of RamBacking: Path");
    }
}
