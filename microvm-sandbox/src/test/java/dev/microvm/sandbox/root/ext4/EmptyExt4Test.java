package dev.microvm.sandbox.root.ext4;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.Lanes;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** The reference tool finds nothing to correct, whatever the size. */
final class EmptyExt4Test {
    private static final int CHECK = 120; // seconds

    @TempDir
    private Path folder;

    @ParameterizedTest
    @ValueSource(longs = {1, 1L << 30, (8L << 30) + 1, 40L << 30})
    void isCleanForE2fsck_andSparse(long bytes) throws Exception {
        Path image = folder.resolve("changes.ext4");
        try (FileChannel file = FileChannel.open(
                image, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE, StandardOpenOption.READ)) {
            new EmptyExt4(bytes, "0123456789abcdef").writeTo(file);
            assertThat(EmptyExt4.label(file)).isEqualTo("0123456789abcdef");
        }

        assertThat(Files.size(image)).isGreaterThanOrEqualTo(bytes).isLessThan(bytes + (128L << 20));
        assertThat(run("e2fsck", "-fn", image.toString())).endsWith("status 0");
        int kib = Integer.parseInt(run("du", "-k", image.toString()).split("\\s")[0]);
        assertThat((long) kib).isLessThan(200 + bytes / (128 << 20) * 16);
    }

    private String run(String... command) throws IOException, InterruptedException {
        Lanes.need("e2fsprogs", Files.isExecutable(Path.of("/usr/sbin/e2fsck")) ? "" : "there is no e2fsck: e2fsprogs");
        Path log = folder.resolve("log");
        ProcessBuilder builder =
                new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile());
        builder.environment().merge("PATH", ":/usr/sbin", String::concat);
        Process process = builder.start();
        assertThat(process.waitFor(CHECK, TimeUnit.SECONDS)).isTrue();
        return Files.readString(log) + "status " + process.exitValue();
    }
}
