package dev.microvm.machine;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.KernelImage;
import dev.microvm.boot.image.BzImageBuilder;
import dev.microvm.boot.testing.TinyKernel;
import dev.microvm.hypervisor.Hypervisor;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class SmallGuestsTest {
    private static final Hypervisor ANY = Hypervisor.installed().getFirst();
    private static final SelectedHypervisor LIMITED =
            new SelectedHypervisor(ANY, "KVM was asked for, although it emulates", "it emulates");
    private static final SelectedHypervisor FULL = new SelectedHypervisor(ANY, "KVM was asked for", "");

    @TempDir
    private Path folder;

    private KernelImage tiny;
    private KernelImage large;

    @BeforeEach
    void writeKernels() throws IOException {
        byte[] elf = TinyKernel.elf();
        tiny = KernelImage.open(Files.write(folder.resolve("tiny"), elf));
        large = KernelImage.open(Files.write(folder.resolve("large"), Arrays.copyOf(elf, (1 << 20) + 1)));
    }

    @Test
    void runOnALimitedHypervisor() {
        assertThat(SmallGuests.problem(LIMITED, tiny)).isEmpty();
    }

    @Test
    void areNotLargeFiles() {
        assertThat(SmallGuests.problem(LIMITED, large))
                .hasValue("hypervisor: KVM cannot run an ordinary kernel such as %s here, because it emulates;"
                                .formatted(large.file())
                        + " use hypervisor(AUTO) or hypervisor(ENGINE), or set the system property"
                        + " microvm.kvm.anyKernel to true for a kernel that was made for this");
    }

    @Test
    void areNotBzImages() throws IOException {
        byte[] file = BzImageBuilder.ofPayload(new byte[8192]).build();
        KernelImage bzImage = KernelImage.open(Files.write(folder.resolve("bzImage"), file));

        assertThat(SmallGuests.problem(LIMITED, bzImage)).isPresent();
    }

    @Test
    void mayBeAnyKernel_whenTheHypervisorRunsAll() {
        assertThat(SmallGuests.problem(FULL, large)).isEmpty();
    }

    @Test
    void mayBeAnyKernel_whenTheUserSaysSo() {
        System.setProperty(SmallGuests.ANY_KERNEL, "true");
        try {
            assertThat(SmallGuests.problem(LIMITED, large)).isEmpty();
        } finally {
            System.clearProperty(SmallGuests.ANY_KERNEL);
        }
    }
}
