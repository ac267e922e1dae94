package dev.microvm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The configuration of the bundled kernel, and the script's check of it. */
@Timeout(60)
final class KernelConfigTest {
    private static final Path CONFIG = Path.of("../microvm-kernel/kernel.config");
    private static final Pattern OPTION = Pattern.compile("CONFIG_[A-Z0-9_a-z]+=(y|n|[0-9]+|\"[^\"]*\")");

    @TempDir
    private Path folder;

    private static List<String> options() throws IOException {
        return Files.readAllLines(CONFIG).stream()
                .filter(line -> line.startsWith("CONFIG_"))
                .toList();
    }

    @Test
    void hasOnlyComments_andOptionsThatAreNamedOnce() throws IOException {
        assertThat(Files.readAllLines(CONFIG))
                .allMatch(line -> line.isEmpty()
                        || line.startsWith("#")
                        || OPTION.matcher(line).matches());
        assertThat(options().stream().map(line -> line.substring(0, line.indexOf('='))))
                .doesNotHaveDuplicates();
    }

    /** An option that is off or has a value needs a comment in its paragraph. */
    @Test
    void explainsWhatIsNotSimplyOn() throws IOException {
        List<String> unexplained = new ArrayList<>();
        boolean explained = false;
        for (String line : Files.readAllLines(CONFIG)) {
            if (line.isEmpty() || line.startsWith("# ----")) {
                explained = false;
            } else if (line.startsWith("#")) {
                explained = true;
            } else if (!line.endsWith("=y") && !explained) {
                unexplained.add(line);
            }
        }
        assertThat(unexplained).isEmpty();
    }

    /** Each device of the machine, and what a guest without modules needs to start. */
    @Test
    void buildsInWhatTheMachineHas() throws IOException {
        assertThat(options())
                .contains("CONFIG_MODULES=n")
                .contains("CONFIG_PVH=y", "CONFIG_KVM_GUEST=y", "CONFIG_ACPI=y", "CONFIG_X86_MPPARSE=y")
                .contains("CONFIG_VIRTIO_MMIO=y", "CONFIG_VIRTIO_MMIO_CMDLINE_DEVICES=y")
                .contains("CONFIG_VIRTIO_BLK=y", "CONFIG_VIRTIO_NET=y", "CONFIG_VIRTIO_CONSOLE=y")
                .contains("CONFIG_HW_RANDOM_VIRTIO=y", "CONFIG_VIRTIO_VSOCKETS=y", "CONFIG_VIRTIO_BALLOON=y")
                .contains("CONFIG_VIRTIO_FS=y", "CONFIG_VIRTIO_PMEM=y", "CONFIG_FS_DAX=y")
                .contains("CONFIG_SERIAL_8250_CONSOLE=y", "CONFIG_RTC_DRV_CMOS=y", "CONFIG_FW_CFG_SYSFS=y");
    }

    private String check(List<String> lines) throws IOException {
        Path config = Files.write(folder.resolve("config"), lines);
        Process script = new ProcessBuilder("../scripts/kernel", "--check", config.toString())
                .redirectErrorStream(true)
                .start();
        return new String(script.getInputStream().readAllBytes(), UTF_8);
    }

    @Test
    void theScriptNamesOptionsThatTheBuildHasDropped() throws IOException {
        List<String> built = new ArrayList<>(options());
        built.removeIf(line -> line.endsWith("=n")); // make writes "# CONFIG_X is not set"
        assertThat(check(built)).isEmpty();

        built.remove("CONFIG_FS_DAX=y");
        built.add("# CONFIG_FS_DAX is not set");
        built.add("CONFIG_MODULES=y");
        assertThat(check(built).lines().skip(1).map(String::strip))
                .containsExactlyInAnyOrder("CONFIG_FS_DAX=y", "CONFIG_MODULES=n");
    }
}
