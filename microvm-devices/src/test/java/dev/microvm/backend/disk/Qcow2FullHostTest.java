package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.foreign.MemorySegment;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** An image on a file system that has no more space: requests fail, and the image stays intact. */
@QemuImg.Required
final class Qcow2FullHostTest {
    private static final int SIZE = 1 << 20; // bytes of the disk
    private static final int BLOCK = 8192; // bytes of a write
    private static final int LEAKS = 3; // exit status of qemu-img check

    @TempDir
    private Path directory;

    private Path path;

    @BeforeEach
    void name() {
        path = directory.resolve("image");
    }

    /** A file that cannot grow beyond a limit. */
    private record FullFile(ImageFile file, AtomicLong limit) implements ImageFile {
        private void checkSpace(long end) {
            if (end > limit.get()) throw new BlockException("No space left on device");
        }

        @Override
        public Path path() {
            return file.path();
        }

        @Override
        public long size() {
            return file.size();
        }

        @Override
        public int alignment() {
            return file.alignment();
        }

        @Override
        public void read(long position, MemorySegment to, long offset, long length) {
            file.read(position, to, offset, length);
        }

        @Override
        public void write(long position, MemorySegment from, long offset, long length) {
            checkSpace(position + length);
            file.write(position, from, offset, length);
        }

        @Override
        public void sync() {
            file.sync();
        }

        @Override
        public void discard(long position, long length) {
            file.discard(position, length);
        }

        @Override
        public void zero(long position, long length, boolean mayUnmap) {
            file.zero(position, length, mayUnmap);
        }

        @Override
        public void close() {
            file.close();
        }
    }

    private BlockBackend open(AtomicLong limit) {
        ImageFile file = new FullFile(ImageFile.open(path, /* writable= */ true, CacheMode.WRITEBACK), limit);
        return new Qcow2Image(file, Qcow2Header.read(file, /* writable= */ true), /* readOnly= */ false, null);
    }

    /** Writes all blocks; returns how many failed. */
    private static int writeAll(BlockBackend disk, int value) {
        byte[] data = new byte[BLOCK];
        Arrays.fill(data, (byte) value);
        int failed = 0;
        for (int at = 0; at < SIZE; at += BLOCK) {
            try {
                Disk.write(disk, at, data);
            } catch (BlockException e) {
                failed++;
            }
        }
        return failed;
    }

    private static void tryTo(Runnable action) {
        try {
            action.run();
        } catch (BlockException e) {
            assertThat(e).hasMessageContaining("No space left");
        }
    }

    @Test
    void staysIntact_whereverTheSpaceEnds() {
        for (int limit = 2048; limit < 80_000; limit += 3_001) {
            QemuImg.create(path, SIZE, "cluster_size=512,refcount_bits=64");
            BlockBackend disk = open(new AtomicLong(limit));
            int failed = writeAll(disk, 1);
            tryTo(disk::flush);
            tryTo(disk::close);

            assertThat(failed).as("limit %d", limit).isPositive();
            assertThat(QemuImg.run("check", path).status())
                    .as("limit %d", limit)
                    .isIn(0, LEAKS);
        }
    }

    @Test
    void canBeWritten_whenThereIsSpaceAgain() {
        AtomicLong limit = new AtomicLong(50_000);
        QemuImg.create(path, SIZE, "cluster_size=4k");
        try (BlockBackend disk = open(limit)) {
            assertThat(writeAll(disk, 1)).isPositive();

            limit.set(Long.MAX_VALUE);

            assertThat(writeAll(disk, 2)).isZero();
            assertThat(Disk.read(disk, 0, SIZE)).containsOnly(2);
        }
        assertThat(QemuImg.run("check", path).status()).isIn(0, LEAKS);
    }
}
