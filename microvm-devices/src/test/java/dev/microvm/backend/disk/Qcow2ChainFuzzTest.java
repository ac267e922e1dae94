package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.sun.management.ThreadMXBean;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Chains of two or three images, intact or with some bytes changed, and requests to the top one,
 * some of them cancelled on their way. Each request makes few calls to its files and allocates
 * little, whatever the images say; intact images hold what a model holds, and are consistent at the
 * end. In an ordinary build the samples are tried; with JAZZER_FUZZ=1 Jazzer looks for new ones.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class Qcow2ChainFuzzTest {
    private static final int MODEL = 1 << 20; // bytes at the disk's start that requests are about
    private static final int MOST_SECTORS = 64; // of a request
    private static final long MOST_CALLS = 6_000; // of a request: a search in all that the files can count
    private static final long MOST_ALLOCATED = 16 << 20; // bytes of heap in a request; Jazzer allocates, too

    private static final byte[] ZERO_SECTOR = new byte[BlockBackend.SECTOR_SIZE];
    private static final int LEAKS = 3; // exit status of qemu-img check

    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

    static Stream<byte[]> samples() {
        return IntStream.range(0, 300).mapToObj(seed -> {
            byte[] script = new byte[200];
            new Random(seed).nextBytes(script);
            return script;
        });
    }

    /** What loading classes allocates is not the requests' doing. */
    @BeforeAll
    static void loadClasses() {
        samples().limit(100).forEach(script -> new Run(ByteBuffer.wrap(script), Long.MAX_VALUE).run());
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void chain(byte[] script) {
        if (script.length < 2) return;
        new Run(ByteBuffer.wrap(script), MOST_ALLOCATED).run();
    }

    /** The judgement of {@link Qcow2Check} is QEMU's. */
    @Test
    @QemuImg.Required
    void leavesImages_thatQemuFindsIntact(@TempDir Path directory) throws IOException {
        for (byte[] script : samples().limit(5).toList()) {
            script[0] &= ~1; // intact at the start
            Run run = new Run(ByteBuffer.wrap(script), Long.MAX_VALUE);
            run.run();
            Path top = Files.write(directory.resolve("top"), run.top());
            assertThat(QemuImg.run("check", top).status()).isIn(0, LEAKS);
        }
    }

    private static final class Run {
        private final ByteBuffer script;
        private final long mostAllocated;
        private final boolean intact;
        private final MemoryImageFile[] files;
        private final byte[] model = new byte[MODEL];
        private int asks; // until the request is cancelled; negative for never

        Run(ByteBuffer script, long mostAllocated) {
            this.script = script;
            this.mostAllocated = mostAllocated;
            int kind = script.get();
            intact = (kind & 1) == 0;
            files = new MemoryImageFile[2 + (kind >> 1 & 1)];
            for (int i = 0; i < files.length; i++) files[i] = new MemoryImageFile(image(i));
            if (!intact) return;
            for (int i = files.length - 1; i >= 0; i--) applyToModel(i);
        }

        /** Image {@code level}, 0 for the top: data in one cluster, the next is zero. */
        private byte[] image(int level) {
            Qcow2Builder builder = new Qcow2Builder()
                    .putLong(Qcow2Builder.L2, 0)
                    .putLong(Qcow2Builder.L2 + level * Long.BYTES, Qcow2Builder.DATA | Qcow2Format.COPIED)
                    .putLong(Qcow2Builder.L2 + (level + 1) * Long.BYTES, Qcow2Format.ZERO);
            byte[] image = builder.bytes();
            for (int left = intact ? 0 : 1 + (next() & 3); left > 0 && script.remaining() >= 3; left--) {
                image[place(script.getShort() & 0xFFFF)] = script.get();
            }
            return image;
        }

        private void applyToModel(int level) {
            Arrays.fill(model, level * Qcow2Builder.CLUSTER, (level + 1) * Qcow2Builder.CLUSTER, (byte) 0xda);
            Arrays.fill(model, (level + 1) * Qcow2Builder.CLUSTER, (level + 2) * Qcow2Builder.CLUSTER, (byte) 0);
        }

        /** The header, and the starts of tables, more often than the rest. */
        private static int place(int number) {
            int offset = number >>> 3 & 0x7F;
            return switch (number & 7) {
                case 0 -> Qcow2Builder.REFCOUNT_TABLE + offset;
                case 1 -> Qcow2Builder.REFCOUNT_BLOCK + offset;
                case 2 -> Qcow2Builder.L1 + (offset & 31);
                case 3, 4, 5 -> Qcow2Builder.L2 + offset;
                case 6 -> offset;
                default -> number % Qcow2Builder.END;
            };
        }

        private int next() {
            return script.hasRemaining() ? script.get() & 0xFF : 0;
        }

        void run() {
            BlockBackend disk = measured(this::open);
            if (disk == null) return; // refused
            disk.cancelledBy(() -> asks >= 0 && asks-- == 0);
            while (script.remaining() >= 4) request(disk);
            asks = -1;
            if (intact) {
                assertThat(Arrays.mismatch(Disk.read(disk, 0, MODEL), model)).isEqualTo(-1);
            }
            measured(() -> {
                disk.close();
                return disk;
            });
            for (MemoryImageFile file : files) assertThat(file.closed()).isTrue();
            if (intact) Qcow2Check.check(files[0].content());
        }

        /** The content of the top image's file. */
        byte[] top() {
            return files[0].content();
        }

        private BlockBackend open() {
            return open(0);
        }

        private BlockBackend open(int level) {
            boolean readOnly = level > 0;
            BlockBackend below = level == files.length - 1 ? null : open(level + 1);
            try {
                return new Qcow2Image(files[level], Qcow2Header.read(files[level], !readOnly), readOnly, below);
            } catch (RuntimeException e) {
                if (below != null) below.close();
                throw e;
            }
        }

        private void request(BlockBackend disk) {
            int kind = next();
            int length = (1 + next() % MOST_SECTORS) * BlockBackend.SECTOR_SIZE;
            long most = Math.min(MODEL, disk.size()) - length;
            if (most < 0) return;
            int position = (int) Math.min(most, (script.getShort() & 0x7FF) * (long) BlockBackend.SECTOR_SIZE);
            asks = (kind & 0x40) == 0 ? -1 : kind >> 3 & 7;
            boolean done = perform(disk, kind, position, length);
            asks = -1;
            if (!done && intact)
                assertThat(perform(disk, kind, position, length)).as("again").isTrue();
        }

        /** Returns whether the request succeeded. */
        private boolean perform(BlockBackend disk, int kind, int position, int length) {
            byte[] data = new byte[length];
            Arrays.fill(data, (byte) (kind | 1));
            return switch (kind & 7) {
                case 0, 1 -> does(() -> Disk.write(disk, position, data)) && holds(position, data);
                case 2 ->
                    does(() -> disk.writeZeroes(position, length, (kind & 8) != 0))
                            && holds(position, new byte[length]);
                case 3 -> does(() -> disk.discard(position, length)) && discarded(disk, position, length);
                case 4 -> does(disk::flush);
                default -> does(() -> compare(position, Disk.read(disk, position, length)));
            };
        }

        private boolean holds(int position, byte[] data) {
            System.arraycopy(data, 0, model, position, data.length);
            return true;
        }

        /** Each sector is as it was, or zero. */
        private boolean discarded(BlockBackend disk, int position, int length) {
            if (!intact) return true;
            asks = -1;
            byte[] now = Disk.read(disk, position, length);
            for (int at = 0; at < length; at += BlockBackend.SECTOR_SIZE) {
                int end = at + BlockBackend.SECTOR_SIZE;
                boolean kept = Arrays.equals(now, at, end, model, position + at, position + end);
                boolean zero = Arrays.equals(now, at, end, ZERO_SECTOR, 0, BlockBackend.SECTOR_SIZE);
                assertThat(kept || zero).as("sector at %d", position + at).isTrue();
            }
            return holds(position, now);
        }

        private void compare(int position, byte[] data) {
            if (!intact) return;
            assertThat(Arrays.mismatch(data, Arrays.copyOfRange(model, position, position + data.length)))
                    .isEqualTo(-1);
        }

        private boolean does(Runnable request) {
            return measured(() -> {
                        request.run();
                        return this;
                    })
                    != null;
        }

        /** Performs an action within bounds; returns null if it failed as a request may. */
        private <T> @Nullable T measured(Supplier<T> action) {
            long calls = calls();
            long allocated = allocated();
            try {
                return action.get();
            } catch (BlockException e) {
                assertThat(intact).as("an intact image fails: %s", e).isFalse();
                return null;
            } catch (RequestCancelledException e) {
                return null;
            } finally {
                assertThat(calls() - calls).as("calls of files").isLessThan(MOST_CALLS);
                assertThat(allocated() - allocated).as("bytes allocated").isLessThan(mostAllocated);
            }
        }

        /** Bytes of heap that this thread has allocated, without the files. */
        private long allocated() {
            long grown = Arrays.stream(files).mapToLong(MemoryImageFile::grown).sum();
            return THREADS.getCurrentThreadAllocatedBytes() - grown;
        }

        private long calls() {
            return Arrays.stream(files).mapToLong(MemoryImageFile::calls).sum();
        }
    }
}
