package dev.microvm.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.cli.testing.Microvm;
import dev.microvm.cli.testing.Microvm.Result;
import java.io.InputStream;
import java.nio.file.Path;
import java.util.List;
import java.util.jar.JarFile;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The program as one jar, after Maven has made it. */
@Tag("packaged")
@Timeout(300)
final class RunnableJarTest {
    private static final String SERVICES = "META-INF/services/dev.microvm.hypervisor.Hypervisor";

    @TempDir
    private Path folder;

    private static String jar() {
        return System.getProperty("microvm.runnableJar");
    }

    @Test
    void hasTheServicesOfAllModules() throws Exception {
        try (JarFile jar = new JarFile(jar());
                InputStream services = jar.getInputStream(jar.getEntry(SERVICES))) {
            assertThat(new String(services.readAllBytes(), UTF_8))
                    .contains("dev.microvm.kvm.KvmHypervisor", "dev.microvm.engine.EngineHypervisor");
        }
    }

    @Test
    void runsACommand_withoutAWordOfTheJvm() throws Exception {
        Path root = Microvm.root(folder);
        Result result =
                new Microvm(folder, List.of("-jar", jar())).run(Microvm.command(root, List.of("-q"), "uname", "-s"));

        assertThat(result).isEqualTo(new Result(0, "Linux\n", ""));
    }

    @Test
    void knowsItsVersion() throws Exception {
        assertThat(new Microvm(folder, List.of("-jar", jar())).run("--version").out())
                .startsWith("microvm ")
                .doesNotContain("not packaged");
    }
}
