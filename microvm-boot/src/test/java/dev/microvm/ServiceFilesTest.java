package dev.microvm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.NativeAccessProgram;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.testing.ChildJvm;
import java.io.File;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A program whose service files were damaged when its jars were merged into one. */
@Timeout(120)
public final class ServiceFilesTest {
    @TempDir
    private Path folder;

    @Test
    void areAProblemOfTheMachine_whenTheyNameAClassThatIsNotThere() throws Exception {
        Path services = Files.createDirectories(folder.resolve("META-INF/services"));
        Files.writeString(services.resolve(Hypervisor.class.getName()), "dev.microvm.NoSuchHypervisor\n");
        Files.write(folder.resolve("disk"), new byte[4096]);
        Path errors = folder.resolve("errors");

        Process process = new ProcessBuilder(List.of(
                        ChildJvm.java(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        folder + File.pathSeparator + ChildJvm.classPath(),
                        NativeAccessProgram.class.getName(),
                        folder.toString(),
                        "AUTO"))
                .redirectError(errors.toFile())
                .start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);

        assertThat(process.waitFor()).as(Files.readString(errors)).isZero();
        assertThat(output.lines())
                .singleElement()
                .asString()
                .startsWith("hypervisor: a hypervisor cannot be loaded: ")
                .contains("dev.microvm.NoSuchHypervisor")
                .endsWith("keep the classes of microvm and merge META-INF/services");
    }
}
