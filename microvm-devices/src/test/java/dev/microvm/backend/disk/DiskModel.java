package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.Arrays;
import java.util.Random;

/** What a disk should hold, and random requests that change both. A failure names its seed. */
final class DiskModel {
    private static final int SECTOR = BlockBackend.SECTOR_SIZE;

    private final byte[] content;
    private final Random random;
    private final long seed;

    DiskModel(byte[] content, long seed) {
        this.content = content;
        this.seed = seed;
        random = new Random(seed);
    }

    byte[] content() {
        return content;
    }

    /** Changes and reads the disk by {@code count} requests. */
    void exercise(BlockBackend disk, int count) {
        for (int i = 0; i < count; i++) {
            request(disk);
        }
    }

    private void request(BlockBackend disk) {
        int sectors = content.length / SECTOR;
        // Short ones, and some that span many clusters.
        int most = random.nextInt(8) == 0 ? 4096 : random.nextInt(4) == 0 ? 256 : 16;
        int length = Math.min(sectors, 1 + random.nextInt(most)) * SECTOR;
        int position = random.nextInt(sectors - length / SECTOR + 1) * SECTOR;
        if (random.nextInt(6) == 0) position = content.length - length;
        switch (random.nextInt(16)) {
            case 0 -> discard(disk, position, length);
            case 1 -> {
                disk.writeZeroes(position, length, /* mayUnmap= */ true);
                Arrays.fill(content, position, position + length, (byte) 0);
            }
            case 2 -> {
                disk.writeZeroes(position, length, /* mayUnmap= */ false);
                Arrays.fill(content, position, position + length, (byte) 0);
            }
            case 3 -> disk.flush();
            case 4, 5, 6, 7 -> check(disk, position, length);
            default -> {
                byte[] data = new byte[length];
                random.nextBytes(data);
                Disk.write(disk, position, data);
                System.arraycopy(data, 0, content, position, length);
            }
        }
    }

    /**
     * What is discarded is as it was or zero, sector by sector; from then on it stays what it is.
     */
    private void discard(BlockBackend disk, int position, int length) {
        disk.discard(position, length);
        byte[] now = Disk.read(disk, position, length);
        for (int at = 0; at < length; at += SECTOR) {
            byte[] sector = Arrays.copyOfRange(now, at, at + SECTOR);
            byte[] before = Arrays.copyOfRange(content, position + at, position + at + SECTOR);
            if (!Arrays.equals(sector, before)) {
                assertThat(sector).as("seed %d, discarded sector", seed).containsOnly(0);
                System.arraycopy(sector, 0, content, position + at, SECTOR);
            }
        }
    }

    /** Compares a range. */
    private void check(BlockBackend disk, int position, int length) {
        byte[] expected = Arrays.copyOfRange(content, position, position + length);
        assertThat(Arrays.mismatch(Disk.read(disk, position, length), expected))
                .as("seed %d, first difference in %d bytes at %d", seed, length, position)
                .isEqualTo(-1);
    }

    /** Compares all. */
    void check(BlockBackend disk) {
        check(disk, 0, content.length);
    }
}
