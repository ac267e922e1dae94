package dev.microvm.boot;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assumptions.assumeThat;

import dev.microvm.memory.GuestMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Debian's kernels, where {@code scripts/guest-files} has fetched them. */
class DebianKernelTest {
    private static final long RAM_SIZE = 256L << 20;
    private static final String BANNER = "Linux version 6."; // in the read-only data of every kernel

    @ParameterizedTest
    @ValueSource(strings = {"cloud", "standard"})
    void isUnpackedToItsElf_whenProtocolIsLinux64(String flavour) {
        GuestMemory memory = Guests.memory(RAM_SIZE);
        BootPlan plan = plan(flavour, BootProtocol.AUTO, Unpacking.AUTO);

        BootState start = plan.load(memory);

        assertThat(plan.protocol()).isEqualTo(BootProtocol.LINUX64);
        assertThat(start.registers().rip()).isEqualTo(0x100_0000);
        assertThat(text(memory, plan)).contains(BANNER);
    }

    @ParameterizedTest
    @ValueSource(strings = {"cloud", "standard"})
    void hasAPvhEntry(String flavour) {
        BootPlan plan = plan(flavour, BootProtocol.PVH, Unpacking.HOST);

        assertThat(plan.entry()).isBetween(plan.kernelStart(), plan.kernelEnd());
        assertThat(plan.entry()).isNotEqualTo(plan.kernelStart());
    }

    @ParameterizedTest
    @ValueSource(strings = {"cloud", "standard"})
    void canUnpackItself(String flavour) {
        BootPlan plan = plan(flavour, BootProtocol.LINUX64, Unpacking.GUEST);

        assertThat(plan.entry()).isEqualTo(0x100_0200);
    }

    @Test
    void hasTheModulesOfAVirtioMachine() throws IOException {
        Path tree = guest("cloud").resolve("modules");
        assumeThat(tree).exists();

        Initramfs initramfs = Initramfs.builder()
                .modules(
                        tree,
                        Files.readString(guest("cloud").resolve("release")).strip(),
                        List.of("virtio_mmio", "virtio_blk"))
                .build();

        assertThat(initramfs.moduleLoadOrder()).anyMatch(path -> path.endsWith("/virtio_blk.ko"));
    }

    private static BootPlan plan(String flavour, BootProtocol protocol, Unpacking unpacking) {
        Path kernel = guest(flavour).resolve("vmlinuz");
        assumeThat(kernel).as("a kernel that scripts/guest-files fetches").exists();
        return BootPlan.builder(KernelImage.open(kernel), BootLayout.memoryMap(RAM_SIZE))
                .protocol(protocol)
                .unpacking(unpacking)
                .build();
    }

    private static String text(GuestMemory memory, BootPlan plan) {
        int size = (int) (plan.kernelEnd() - plan.kernelStart());
        return new String(memory.read(plan.kernelStart(), size), StandardCharsets.ISO_8859_1);
    }

    private static Path guest(String flavour) {
        String cache = System.getenv("MICROVM_CACHE");
        Path base = cache == null ? Path.of(System.getProperty("user.home"), ".cache", "microvm") : Path.of(cache);
        return base.resolve("guest").resolve(flavour);
    }
}
