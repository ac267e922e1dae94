package dev.microvm.examples;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.boot.testing.GuestFiles;
import dev.microvm.testing.ChildJvm;
import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** README's first example is a program that runs. */
@Timeout(300)
final class FirstExampleTest {
    private static final Path README = Path.of("../README.md");
    private static final Path PROGRAM = Path.of("src/main/java/dev/microvm/examples/HelloSandbox.java");
    private static final int MOST_LINES = 12;

    @Test
    void standsInTheProgram_lineByLine() throws IOException {
        Matcher first = Pattern.compile("(?s)```java\n(.*?)```").matcher(Files.readString(README));
        assertThat(first.find()).as("a block of Java in %s", README).isTrue();

        assertThat(first.group(1).lines().count()).isLessThanOrEqualTo(MOST_LINES);
        assertThat(Files.readString(PROGRAM)).contains(first.group(1).indent(8));
    }

    @Test
    @Lanes.Engine
    void runsOnDebiansKernel(@TempDir Path folder) throws IOException, InterruptedException {
        Path bin = Files.createDirectories(folder.resolve("rootfs/bin"));
        Path busybox = Files.copy(GuestFiles.file("busybox"), bin.resolve("uname"));
        assertThat(busybox.toFile().setExecutable(true)).isTrue();

        Process program = new ProcessBuilder(
                        ChildJvm.java(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-Dmicrovm.hypervisor=engine",
                        "-Dmicrovm.sandbox.kernel=" + GuestFiles.file("cloud"),
                        "-cp",
                        ChildJvm.classPath(),
                        HelloSandbox.class.getName())
                .directory(folder.toFile())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        String output = new String(program.getInputStream().readAllBytes(), StandardCharsets.UTF_8);

        assertThat(program.waitFor()).as(output).isZero();
        assertThat(output).startsWith("0 Linux sandbox 6.");
    }
}
