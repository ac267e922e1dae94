package dev.microvm.backend.disk;

import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.SplittableRandom;

/**
 * A program that writes to an image until it is killed, and says on standard output what it has
 * flushed.
 */
final class CrashingWriter {
    /** Bytes of a write. */
    static final int BLOCK = 4096;

    private CrashingWriter() {}

    /** One step: the block that is written, or zeroed. */
    record Step(int block, boolean zero) {}

    /** The steps that a seed stands for. */
    static final class Steps {
        private final SplittableRandom random;
        private final int blocks;

        Steps(long seed, int blocks) {
            random = new SplittableRandom(seed);
            this.blocks = blocks;
        }

        Step next() {
            return new Step(random.nextInt(blocks), random.nextInt(8) == 0);
        }
    }

    /**
     * Arguments: image, seed. The first half of the disk is written block by block; the other, in
     * pieces of any size.
     */
    public static void main(String[] arguments) {
        long seed = Long.parseLong(arguments[1]);
        try (BlockBackend disk = DiskImage.qcow2(Path.of(arguments[0])).open()) {
            int blocks = (int) (disk.size() / BLOCK / 2);
            Steps steps = new Steps(seed, blocks);
            SplittableRandom other = new SplittableRandom(~seed);
            MemorySegment data = Arena.global().allocate(1 << 20, 4096);
            for (long number = 1; ; number++) {
                Step step = steps.next();
                if (step.zero) {
                    disk.writeZeroes((long) step.block * BLOCK, BLOCK, /* mayUnmap= */ true);
                } else {
                    stamp(data, number);
                    disk.write((long) step.block * BLOCK, data, 0, BLOCK);
                }
                disturb(disk, other, data);
                if (other.nextInt(64) == 0) {
                    disk.flush();
                    System.out.println(number);
                }
            }
        }
    }

    private static void disturb(BlockBackend disk, SplittableRandom random, MemorySegment data) {
        int sectors = 1 << random.nextInt(12);
        long half = disk.size() / 2;
        long length = (1L + random.nextInt(sectors)) * BlockBackend.SECTOR_SIZE;
        long position = half + random.nextLong((half - length) / BlockBackend.SECTOR_SIZE) * BlockBackend.SECTOR_SIZE;
        if (random.nextInt(3) == 0) {
            disk.discard(position, length);
        } else {
            disk.write(position, data, 0, length);
        }
    }

    private static void stamp(MemorySegment data, long number) {
        for (int at = 0; at < BLOCK; at += Long.BYTES) {
            data.set(ValueLayout.JAVA_LONG, at, number);
        }
    }
}
