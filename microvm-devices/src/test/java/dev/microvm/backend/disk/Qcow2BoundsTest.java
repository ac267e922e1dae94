package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import java.io.IOException;
import java.io.RandomAccessFile;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.IntStream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Requests on hostile or full images end soon, or can be cancelled. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class Qcow2BoundsTest {
    private static final int SMALL = 512; // bytes of the smallest cluster
    private static final int TABLE_CLUSTERS = 32;
    private static final int BLOCKS = TABLE_CLUSTERS * SMALL / Long.BYTES; // what the refcount table can name

    @TempDir
    private Path directory;

    private Path path;

    /** How often a request asked whether it is cancelled, and from which time on it is. */
    private final AtomicLong asked = new AtomicLong();

    private long cancelAt = Long.MAX_VALUE;

    @BeforeEach
    void name() {
        path = directory.resolve("image");
    }

    private boolean cancelled() {
        return asked.incrementAndGet() >= cancelAt;
    }

    /**
     * An empty disk in clusters of 512 bytes. Its refcount blocks follow the tables, and count
     * every cluster that they can as used.
     */
    private void writeFullImage(int order, long diskSize) throws IOException {
        int l1Entries = (int) ((diskSize - 1) / (SMALL * SMALL / Long.BYTES)) + 1;
        long l1Bytes = (l1Entries * 8L + SMALL - 1) & -SMALL;
        long table = SMALL + l1Bytes;
        long blocks = table + TABLE_CLUSTERS * SMALL;
        ByteBuffer image = ByteBuffer.allocate((int) blocks + BLOCKS * SMALL);
        image.putInt(Qcow2Format.MAGIC, Qcow2Format.MAGIC_VALUE)
                .putInt(Qcow2Format.VERSION, 3)
                .putInt(Qcow2Format.CLUSTER_BITS, 9)
                .putLong(Qcow2Format.SIZE, diskSize)
                .putInt(Qcow2Format.L1_SIZE, l1Entries)
                .putLong(Qcow2Format.L1_TABLE_OFFSET, SMALL)
                .putLong(Qcow2Format.REFCOUNT_TABLE_OFFSET, table)
                .putInt(Qcow2Format.REFCOUNT_TABLE_CLUSTERS, TABLE_CLUSTERS)
                .putInt(Qcow2Format.REFCOUNT_ORDER, order)
                .putInt(Qcow2Format.HEADER_LENGTH, Qcow2Format.HEADER_SIZE_V3);
        for (int i = 0; i < BLOCKS; i++) image.putLong((int) table + i * Long.BYTES, blocks + (long) i * SMALL);
        Arrays.fill(image.array(), (int) blocks, image.capacity(), (byte) 0xff);
        Files.write(path, image.array());
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength((((long) BLOCKS * SMALL * Byte.SIZE) >> order) * SMALL); // sparse
        }
    }

    /** Clears a count of a block. */
    private void free(int block, int index, int order) throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.seek(Qcow2Format.REFCOUNT_TABLE_OFFSET);
            long at = file.readLong() + TABLE_CLUSTERS * SMALL + (long) block * SMALL;
            for (int bit = index << order; bit < (index + 1) << order; bit++) {
                file.seek(at + bit / Byte.SIZE);
                int others = file.read() & ~(1 << bit % Byte.SIZE);
                file.seek(at + bit / Byte.SIZE);
                file.write(others);
            }
        }
    }

    private BlockBackend open() {
        BlockBackend disk = DiskImage.qcow2(path).open();
        disk.cancelledBy(this::cancelled);
        return disk;
    }

    // ---- tables at one place

    /** A terabyte of ones, if each entry of the refcount table names one block of them. */
    @Test
    void refusesToWrite_whenTwoRefcountBlocksAreOne() throws IOException {
        new Qcow2Builder()
                .putLong(Qcow2Builder.REFCOUNT_TABLE + 8, Qcow2Builder.REFCOUNT_BLOCK)
                .write(path);

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(path).open())
                .withMessageStartingWith("disk image " + path + ": ")
                .withMessageContaining("two entries of its refcount table or L1 table name the same cluster, 0x2000");
        DiskImage.qcow2(path).readOnly().open().close();
    }

    @ParameterizedTest
    @ValueSource(ints = {Qcow2Builder.L2, Qcow2Builder.REFCOUNT_BLOCK})
    void refusesToWrite_whenAnL2TableIsAnotherTableToo(int place) throws IOException {
        new Qcow2Builder()
                .putLong(Qcow2Builder.L1 + 8, place | Qcow2Format.COPIED)
                .write(path);

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(path).open())
                .withMessageContaining("name the same cluster, 0x%x".formatted(place));
    }

    @ParameterizedTest
    @ValueSource(ints = {Qcow2Builder.REFCOUNT_TABLE, Qcow2Builder.L1})
    void refusesToWrite_whenARefcountBlockIsATable(int place) throws IOException {
        new Qcow2Builder().putLong(Qcow2Builder.REFCOUNT_TABLE, place).write(path);
        BlockBackend disk = DiskImage.qcow2(path).open();

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> Disk.write(disk, Qcow2Builder.CLUSTER, new byte[512]))
                .withMessageContaining("which belongs to the image's own tables");
        assertThatExceptionOfType(BlockException.class).isThrownBy(disk::close);
    }

    /** Neither is ever read: nothing can be too large. */
    @Test
    void ignoresSnapshots_howeverManyThereAre() throws IOException {
        int snapshots = 60; // nb_snapshots, 4 bytes, and snapshots_offset, 8 bytes
        new Qcow2Builder().putInt(snapshots, -1).putLong(snapshots + 4, -1).write(path);

        try (BlockBackend disk = DiskImage.qcow2(path).open()) {
            Disk.write(disk, 0, new byte[512]);
            assertThat(Disk.read(disk, 0, 512)).containsOnly(0);
        }
    }

    // ---- the search for a free cluster

    static IntStream orders() {
        return IntStream.rangeClosed(0, Qcow2Format.MAX_REFCOUNT_ORDER);
    }

    @ParameterizedTest
    @MethodSource("orders")
    void growsAFullImage_inAnyWidthOfRefcounts(int order) throws IOException {
        writeFullImage(order, 1 << 20);

        try (BlockBackend disk = open()) {
            Disk.write(disk, 0, new byte[] {1, 2, 3, 4});
            assertThat(Disk.read(disk, 0, 4)).containsExactly(1, 2, 3, 4);
        }

        try (BlockBackend disk = DiskImage.qcow2(path).open()) {
            assertThat(Disk.read(disk, 0, 4)).containsExactly(1, 2, 3, 4);
        }
    }

    /** Two free clusters in the middle of a block: for an L2 table, and for data. */
    @ParameterizedTest
    @MethodSource("orders")
    void findsFreeClusters_inAnyWidthOfRefcounts(int order) throws IOException {
        writeFullImage(order, 1 << 20);
        free(BLOCKS - 3, 13, order);
        free(BLOCKS - 3, 14, order);
        long size = Files.size(path);

        try (BlockBackend disk = open()) {
            Disk.write(disk, 0, new byte[] {1});
        }

        assertThat(Files.size(path)).as("size of the file").isEqualTo(size);
    }

    @Test
    void endsASearch_whenItIsCancelled_andContinuesItLater() throws IOException {
        writeFullImage(/* order= */ 4, 1 << 20);
        try (BlockBackend disk = open()) {
            cancelAt = BLOCKS / 2;
            assertThatExceptionOfType(RequestCancelledException.class)
                    .isThrownBy(() -> Disk.write(disk, 0, new byte[512]));
            assertThat(asked).hasValue(cancelAt);

            cancelAt = Long.MAX_VALUE;
            Disk.write(disk, 0, new byte[512]);
            assertThat(asked).as("looks at the second half only").hasValueLessThan(BLOCKS * 3L / 2);
        }
    }

    @Test
    void closesTheImage_whenItsRequestsAreCancelled() throws IOException {
        writeFullImage(/* order= */ 4, 1 << 20);
        BlockBackend disk = open();
        Disk.write(disk, 0, new byte[] {1});
        cancelAt = 0;

        disk.close();

        try (BlockBackend again = DiskImage.qcow2(path).open()) {
            assertThat(Disk.read(again, 0, 1)).containsExactly(1);
        }
    }

    // ---- discards

    /** 65536 clusters, so the request flushes in between. */
    @Test
    @QemuImg.Required
    void endsADiscardOfManyClusters_whenItIsCancelled_andMayBeDoneAgain() {
        int size = 64 << 20;
        QemuImg.must("create", "-q", "-f", "qcow2", "-o", "cluster_size=512,preallocation=metadata", path, size);
        try (BlockBackend disk = open()) {
            Disk.write(disk, size - 512, new byte[] {5});
            cancelAt = 50_000;
            assertThatExceptionOfType(RequestCancelledException.class).isThrownBy(() -> disk.discard(0, size - 512));
            assertThat(asked).hasValue(cancelAt);

            cancelAt = Long.MAX_VALUE;
            disk.discard(0, size - 512);
            assertThat(Disk.read(disk, 0, size - 512)).containsOnly(0);
            assertThat(Disk.read(disk, size - 512, 1)).containsExactly(5);
        }
        QemuImg.must("check", "-q", path);
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void endsZeroingAndReading_whenTheyAreCancelled(boolean mayUnmap) throws IOException {
        new Qcow2Builder().write(path);
        try (BlockBackend disk = open()) {
            cancelAt = 3;
            assertThatExceptionOfType(RequestCancelledException.class)
                    .isThrownBy(() -> disk.writeZeroes(0, Qcow2Builder.SIZE, mayUnmap));
            assertThatExceptionOfType(RequestCancelledException.class)
                    .isThrownBy(() -> Disk.read(disk, 0, (int) Qcow2Builder.SIZE));
        }
    }

    /** Counts are not below what the file refers to, and what is left is given back later. */
    @Test
    @QemuImg.Required
    void keepsAnImageIntact_whereverARequestIsCancelled() {
        for (int at = 1; at < 40; at += 3) {
            QemuImg.create(path, 1 << 20, "cluster_size=512");
            asked.set(0);
            cancelAt = at;
            try (BlockBackend disk = open()) {
                requestAll(disk);
                cancelAt = Long.MAX_VALUE;
                requestAll(disk);
                assertThat(Disk.read(disk, 4096, 8192))
                        .as("cancelled at %d", at)
                        .containsOnly(3);
            }
            QemuImg.must("check", "-q", path);
        }
    }

    private static void requestAll(BlockBackend disk) {
        byte[] data = new byte[8192];
        Arrays.fill(data, (byte) 3);
        attempt(() -> Disk.write(disk, 0, data));
        attempt(() -> disk.discard(0, 4096));
        attempt(disk::flush);
        attempt(() -> disk.writeZeroes(2048, 4096, /* mayUnmap= */ false));
        attempt(() -> Disk.write(disk, 4096, data));
        attempt(disk::flush);
    }

    private static void attempt(Runnable request) {
        try {
            request.run();
        } catch (RequestCancelledException e) {
            // as asked
        }
    }
}
