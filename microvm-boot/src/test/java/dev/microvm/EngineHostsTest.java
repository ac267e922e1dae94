package dev.microvm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.PortableProgram;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A machine on the engine calls nothing that only Linux has, so that it runs where there is no
 * Linux.
 */
@Lanes.Engine
@Timeout(120)
public final class EngineHostsTest {
    /** By these all calls of Linux go: their initialization looks functions up. */
    private static final List<String> LINUX = List.of("dev.microvm.linux.Libc", "dev.microvm.linux.EpollEventLoop");

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(strings = {"Windows 11", "Mac OS X"})
    void runsOnTheEngineAlone_whenTheHostIsNotLinux(String system) throws Exception {
        Path initialized = folder.resolve("classes");
        String output = run("-Dos.name=" + system, "-Xlog:class+init=info:file=" + initialized);

        assertThat(output)
                .contains("EXIT_PORT!")
                .contains("the Java engine, because KVM needs Linux, and this is " + system);
        assertThat(Files.readString(initialized))
                .contains("dev.microvm.engine.EngineHypervisor")
                .doesNotContain(LINUX);
    }

    @Test
    void runsOnTheEngineAlone_whenTheProcessorIsNotX86() throws Exception {
        assertThat(run("-Dos.arch=aarch64"))
                .contains("EXIT_PORT!")
                .contains("the Java engine, because KVM is supported here on x86-64 hosts only, and this is aarch64");
    }

    private String run(String... options) throws Exception {
        List<String> command = new ArrayList<>(List.of(ChildJvm.java(), "--enable-native-access=ALL-UNNAMED"));
        command.addAll(List.of(options));
        command.addAll(List.of("-cp", ChildJvm.classPath(), PortableProgram.class.getName(), folder.toString()));
        Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
        String output = new String(process.getInputStream().readAllBytes(), UTF_8);
        assertThat(process.waitFor()).as(output).isZero();
        return output;
    }
}
