package dev.microvm.snapshot;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Random;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class MemoryFileTest {
    private static final int PAGE = 4096;
    private static final int SIZE = 3 * MemoryFile.CHUNK + 5 * PAGE;

    @TempDir
    private Path folder;

    @Test
    void hasTheRam_andAChecksumForEachChunk() throws Exception {
        try (Arena arena = Arena.ofShared()) {
            MemorySegment ram = arena.allocate(SIZE, PAGE);
            Random random = new Random(1);
            for (int page = 0; page < SIZE / PAGE; page++) {
                boolean zeros = (page >= 256 && page < 512) || random.nextInt(3) == 0 || page == SIZE / PAGE - 1;
                if (!zeros) ram.set(ValueLayout.JAVA_BYTE, (long) page * PAGE + random.nextInt(PAGE), (byte) page);
            }
            Path file = folder.resolve("memory");
            long[] checksums = MemoryFile.write(ram, file);

            assertThat(Files.readAllBytes(file)).isEqualTo(ram.toArray(ValueLayout.JAVA_BYTE));
            assertThat(checksums).hasSize(4);
            assertThat(checksums[1]).isEqualTo(MemoryFile.ALL_ZERO);
        }
    }

    @Test
    void takesNoRoom_whenTheRamIsZero() throws Exception {
        try (Arena arena = Arena.ofShared()) {
            Path file = folder.resolve("memory");
            long[] checksums = MemoryFile.write(arena.allocate(SIZE, PAGE), file);

            assertThat(checksums).containsOnly(MemoryFile.ALL_ZERO);
            assertThat(file).hasSize(SIZE);
            assertThat(((Number) Files.getAttribute(file, "unix:size")).longValue())
                    .isEqualTo(SIZE);
        }
    }
}
