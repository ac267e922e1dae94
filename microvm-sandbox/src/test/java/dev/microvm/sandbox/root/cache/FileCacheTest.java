package dev.microvm.sandbox.root.cache;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import dev.microvm.sandbox.root.tree.RootContentException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributeView;
import java.nio.file.attribute.FileTime;
import java.time.Duration;
import java.time.Instant;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class FileCacheTest {
    private static final int SIZE = 1000; // bytes of each file

    @TempDir
    private Path folder;

    @Test
    void makesFileOnce() {
        FileCache cache = new FileCache(folder, Long.MAX_VALUE);
        try (FileCache.Use first = put(cache, "a");
                FileCache.Use second = put(cache, "a")) {
            assertThat(first.found()).isFalse();
            assertThat(second.found()).isTrue();
            assertThat(second.file()).hasSize(SIZE);
        }
    }

    @Test
    void removesWhatWasUnusedForLongest_whenItIsFull() throws IOException {
        FileCache cache = new FileCache(folder, 2 * SIZE);
        put(cache, "old").close();
        put(cache, "older").close();
        age("old", Duration.ofHours(1));
        age("older", Duration.ofHours(2));

        put(cache, "new").close();

        assertThat(names()).containsExactlyInAnyOrder("old", "new");
    }

    @Test
    void keepsWhatIsInUse() throws IOException {
        FileCache cache = new FileCache(folder, SIZE);
        try (FileCache.Use used = put(cache, "used")) {
            age("used", Duration.ofHours(1));
            put(cache, "new").close();
            assertThat(used.file()).exists();
        }
        put(cache, "newer").close();

        assertThat(names()).containsExactly("newer");
    }

    @Test
    void keepsWhatIsInUse_afterAnInterruptedThreadClosedItsLocks() throws IOException {
        FileCache cache = new FileCache(folder, SIZE);
        try (FileCache.Use used = put(cache, "used")) {
            age("used", Duration.ofHours(1));
            Thread.currentThread().interrupt();
            cache.find("used").orElseThrow().close();
            assertThat(Thread.interrupted()).as("it stays interrupted").isTrue();
            put(cache, "new").close();

            assertThat(used.file()).exists();
        }
    }

    @Test
    void leavesNothing_whenMakingFails() throws IOException {
        FileCache cache = new FileCache(folder, SIZE);

        assertThatExceptionOfType(RootContentException.class)
                .isThrownBy(() -> cache.get("a", part -> {
                    Files.write(part, new byte[SIZE]);
                    throw new IOException("no space");
                }));

        assertThat(names()).isEmpty();
    }

    private static FileCache.Use put(FileCache cache, String key) {
        return cache.get(key, part -> Files.write(part, new byte[SIZE]));
    }

    private void age(String key, Duration age) throws IOException {
        FileTime time = FileTime.from(Instant.now().minus(age));
        Files.getFileAttributeView(folder.resolve(key), BasicFileAttributeView.class)
                .setTimes(time, time, null);
    }

    private Stream<String> names() throws IOException {
        try (Stream<Path> files = Files.list(folder)) {
            return files
                    .map(file -> file.getFileName().toString())
                    .filter(name -> !name.equals(CacheLocks.FILE))
                    .toList()
                    .stream();
        }
    }
}
