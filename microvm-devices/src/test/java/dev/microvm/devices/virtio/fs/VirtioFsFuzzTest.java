package dev.microvm.devices.virtio.fs;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.backend.fs.SharedDirectory;
import dev.microvm.backend.fs.host.HostTree;
import dev.microvm.devices.virtio.testing.HostileDriver;
import dev.microvm.limits.Budget;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/** Drivers that break the rules of the queues, and clients that send what bytes say. */
@EnabledOnOs(OS.LINUX)
@Timeout(value = 60, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VirtioFsFuzzTest {
    private static final int OPCODES = 54;
    private static final int NODES = 8;

    @TempDir
    private static Path folder;

    static Stream<byte[]> samples() {
        return HostileDriver.samples();
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void driver(byte[] script) throws IOException {
        SharedDirectory directory = SharedDirectory.of(fresh());
        HostileDriver.run(
                script,
                transport ->
                        new VirtioFs(transport, "tag", new HostTree(directory, new Budget("descriptors", 8)), null));
    }

    /** Each request is an opcode, a node, and the bytes of its arguments. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void client(byte[] script) throws IOException {
        try (FuseClient client = new FuseClient(SharedDirectory.of(fresh()), 8).mount()) {
            ByteBuffer bytes = ByteBuffer.wrap(script);
            while (bytes.remaining() > 3) {
                int opcode = Byte.toUnsignedInt(bytes.get()) % OPCODES;
                int node = Byte.toUnsignedInt(bytes.get()) % NODES;
                int length = Math.min(Byte.toUnsignedInt(bytes.get()) % 64, bytes.remaining());
                byte[] arguments = new byte[length];
                bytes.get(arguments);
                client.call(opcode, node, FuseClient.arguments(length).put(0, arguments));
                assertThat(client.driver.needsReset()).isFalse();
            }
            assertThat(client.tree().descriptors()).isLessThanOrEqualTo(8);
        }
    }

    private static Path fresh() throws IOException {
        Path made = Files.createTempDirectory(folder, "fuzz");
        for (String name : Arrays.asList("a", "b")) Files.writeString(made.resolve(name), name);
        Files.createDirectory(made.resolve("d"));
        return made;
    }
}
