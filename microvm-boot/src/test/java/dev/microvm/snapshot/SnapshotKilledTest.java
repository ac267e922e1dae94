package dev.microvm.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.testing.ChildJvm;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A process that is killed while it writes snapshots leaves whole ones or none. */
@Timeout(300)
final class SnapshotKilledTest {
    private static final int KILLS = Integer.getInteger("microvm.snapshotKills", 4);
    private static final int LONGEST_MILLIS = 400; // of a life

    @TempDir
    private Path folder;

    @Test
    void leavesNoPartOfASnapshot_thatCouldBeTakenForOne() throws Exception {
        long seed = Long.getLong("microvm.seed", System.nanoTime());
        Random random = new Random(seed);
        for (int i = 0; i < KILLS; i++) {
            Path written = Files.createDirectory(folder.resolve("life" + i));
            int millis = random.nextInt(LONGEST_MILLIS);
            writeAndKill(written, millis);
            for (Path each : entries(written)) {
                String name = each.getFileName().toString();
                if (name.startsWith(".")) assertIsDeleted(each, name);
                else
                    assertThat(isWhole(each))
                            .as("seed %d: %s after %d ms", seed, each, millis)
                            .isTrue();
            }
        }
    }

    private static void writeAndKill(Path into, int millis) throws IOException, InterruptedException {
        Process writer = new ProcessBuilder(
                        ChildJvm.java(),
                        "--enable-native-access=ALL-UNNAMED",
                        "-XX:TieredStopAtLevel=1",
                        "-cp",
                        ChildJvm.classPath(),
                        EndlessSnapshots.class.getName(),
                        into.toString())
                .redirectError(ProcessBuilder.Redirect.INHERIT)
                .start();
        try (BufferedReader output = writer.inputReader()) {
            assertThat(output.readLine()).isEqualTo("begins");
            writer.waitFor(millis, TimeUnit.MILLISECONDS);
        } finally {
            writer.destroyForcibly().waitFor(); // SIGKILL on Linux
        }
    }

    private static List<Path> entries(Path of) throws IOException {
        try (Stream<Path> all = Files.list(of)) {
            return all.toList();
        }
    }

    /** The next snapshot of the same name deletes what was left. */
    private static void assertIsDeleted(Path left, String hiddenName) {
        String name = hiddenName.substring(1, hiddenName.indexOf(".unfinished"));
        assertThat(left.resolveSibling(name)).doesNotExist();
        new RamSample().whole(left.resolveSibling(name)).verify();
        assertThat(left).doesNotExist();
    }

    private boolean isWhole(Path snapshot) throws IOException {
        if (Files.isDirectory(snapshot)) {
            SnapshotFolder.open(snapshot).verify();
        } else {
            Path unpacked = folder.resolve("unpacked");
            SnapshotFolder.unpack(snapshot, unpacked).verify();
            NewFolder.delete(unpacked);
        }
        return true;
    }
}
