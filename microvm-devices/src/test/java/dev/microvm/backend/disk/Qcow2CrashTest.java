package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.BlockBackend.SECTOR_SIZE;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.disk.CrashingWriter.Step;
import dev.microvm.backend.disk.CrashingWriter.Steps;
import dev.microvm.testing.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * A JVM that writes is killed (SIGKILL) at any moment: the image stays consistent, and has what was
 * flushed.
 */
@QemuImg.Required
final class Qcow2CrashTest {
    private static final long SIZE = 64 << 20; // bytes
    private static final int BLOCKS = (int) (SIZE / CrashingWriter.BLOCK / 2);
    private static final int KILLS = 10; // of each kind of image
    private static final int CONSISTENT = 0; // exit status of qemu-img check
    private static final int LEAKS = 3;
    private static final long MORE_STEPS = 20_000; // than a writer does between two flushes

    @TempDir
    private Path directory;

    @ParameterizedTest
    @ValueSource(strings = {"cluster_size=512", "cluster_size=64k"})
    void imageIsConsistentAndHasWhatWasFlushed_whenTheWriterIsKilled(String options)
            throws IOException, InterruptedException {
        SplittableRandom random = new SplittableRandom(options.hashCode());
        for (int kill = 0; kill < KILLS; kill++) {
            Path image = directory.resolve("image" + kill);
            QemuImg.create(image, SIZE, options);
            long seed = random.nextLong();

            long flushed = writeAndKill(image, seed, random.nextInt(500));

            QemuImg.Result check = QemuImg.run("check", "-f", "qcow2", image);
            assertThat(check.status()).as("seed %d: %s", seed, check.output()).isIn(CONSISTENT, LEAKS);
            checkContent(image, seed, flushed);
        }
    }

    /**
     * Lets a writer run until it has flushed, and some milliseconds more; returns the last step
     * that it said was flushed.
     */
    private long writeAndKill(Path image, long seed, int milliseconds) throws IOException, InterruptedException {
        Process writer = new ProcessBuilder(
                        ChildJvm.java(),
                        "-XX:+UseSerialGC",
                        "--enable-native-access=ALL-UNNAMED",
                        "-cp",
                        ChildJvm.classPath(),
                        CrashingWriter.class.getName(),
                        image.toString(),
                        Long.toString(seed))
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader output = writer.inputReader()) {
            String last = output.readLine();
            assertThat(last).as("the writer's first word").isNotNull();
            Thread.sleep(milliseconds);
            writer.toHandle().destroyForcibly(); // what it has printed can still be read
            writer.waitFor();
            for (String line = output.readLine(); line != null; line = output.readLine()) {
                last = line;
            }
            return Long.parseLong(last);
        } finally {
            writer.destroyForcibly();
        }
    }

    /** Each block has what it had at the last flush, or something that was written to it later. */
    private static void checkContent(Path image, long seed, long flushed) {
        try (BlockBackend disk = DiskImage.qcow2(image).readOnly().open()) {
            byte[] content = Disk.read(disk, 0, BLOCKS * CrashingWriter.BLOCK);
            Steps steps = new Steps(seed, BLOCKS);
            Map<Integer, Long> certain = new HashMap<>();
            Map<Integer, Set<Long>> later = new HashMap<>();
            for (long number = 1; number <= flushed + MORE_STEPS; number++) {
                Step step = steps.next();
                long stamp = step.zero() ? 0 : number;
                if (number <= flushed) {
                    certain.put(step.block(), stamp);
                } else {
                    later.computeIfAbsent(step.block(), block -> new HashSet<>())
                            .add(stamp);
                }
            }
            for (int sector = 0; sector < content.length / SECTOR_SIZE; sector++) {
                int block = sector / (CrashingWriter.BLOCK / SECTOR_SIZE);
                long stamp = stamp(content, sector);
                boolean expected = stamp == certain.getOrDefault(block, 0L)
                        || later.getOrDefault(block, Set.of()).contains(stamp);
                assertThat(expected)
                        .as("seed %d: sector %d has 0x%x, flushed was step %d", seed, sector, stamp, flushed)
                        .isTrue();
            }
        }
    }

    /** What all of a sector is filled with. */
    private static long stamp(byte[] content, int sector) {
        ByteBuffer bytes =
                ByteBuffer.wrap(content, sector * SECTOR_SIZE, SECTOR_SIZE).order(ByteOrder.nativeOrder());
        long first = bytes.getLong();
        while (bytes.hasRemaining()) {
            if (bytes.getLong() != first) throw new AssertionError("sector " + sector + " is torn");
        }
        return first;
    }
}
