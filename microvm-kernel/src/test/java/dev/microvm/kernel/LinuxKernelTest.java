package dev.microvm.kernel;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.Kernels;
import dev.microvm.boot.KernelImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;

/** The real artifact, as modules: surefire puts this module and microvm-boot on the module path. */
final class LinuxKernelTest {
    private final LinuxKernel kernel = new LinuxKernel();

    @Test
    void isFoundByTheFacade_asAModule() throws IOException {
        assertThat(LinuxKernel.class.getModule().isNamed()).isTrue();

        Path file = Kernels.bundled();

        try (InputStream image = kernel.open()) {
            assertThat(file).hasBinaryContent(image.readAllBytes());
        }
        assertThat(KernelImage.open(file)).isNotNull();
    }

    @Test
    void isSmall_andNamesItsRelease() throws IOException {
        assertThat(Files.size(Kernels.bundled())).isLessThan(8_000_000);
        assertThat(kernel.release()).startsWith("6.").endsWith("-microvm");
    }

    @Test
    void comesWithItsLicenceAndOrigin() {
        assertThat(resource("META-INF/linux/GPL-2.0")).contains("GNU GENERAL PUBLIC LICENSE");
        assertThat(resource("META-INF/linux/ORIGIN.txt"))
                .contains(kernel.release(), kernel.sha256(), "linux-source-6.1");
        assertThat(resource("META-INF/linux/kernel.config")).contains("CONFIG_VIRTIO_MMIO=y");
        assertThat(resource("META-INF/linux/kernel")).startsWith("#!");
    }

    private static String resource(String name) {
        try (InputStream in = LinuxKernel.class.getClassLoader().getResourceAsStream(name)) {
            assertThat(in).as(name).isNotNull();
            return new String(in.readAllBytes(), java.nio.charset.StandardCharsets.UTF_8);
        } catch (IOException e) {
            throw new java.io.UncheckedIOException(e);
        }
    }
}
