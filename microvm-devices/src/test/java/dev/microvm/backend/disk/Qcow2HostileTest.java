package dev.microvm.backend.disk;

import static dev.microvm.backend.disk.Qcow2Builder.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatNoException;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.MethodSource;

/** Images that are wrong, on purpose or not. */
final class Qcow2HostileTest {
    @TempDir
    private Path directory;

    private Path path;

    @BeforeEach
    void name() {
        path = directory.resolve("image");
    }

    private static Arguments wrong(String message, Consumer<Qcow2Builder> change) {
        return Arguments.of(message, change);
    }

    static Stream<Arguments> headers() {
        return Stream.of(
                wrong("not a qcow2 file", image -> image.putInt(Qcow2Format.MAGIC, 0)),
                wrong("version is 4", image -> image.putInt(Qcow2Format.VERSION, 4)),
                wrong("cluster_bits must be 9 to 21, but is 8", image -> image.putInt(Qcow2Format.CLUSTER_BITS, 8)),
                wrong("cluster_bits must be 9 to 21, but is -1", image -> image.putInt(Qcow2Format.CLUSTER_BITS, -1)),
                wrong("is encrypted", image -> image.putInt(Qcow2Format.CRYPT_METHOD, 2)),
                wrong("header_length is 103", image -> image.putInt(Qcow2Format.HEADER_LENGTH, 103)),
                wrong("header_length is -8", image -> image.putInt(Qcow2Format.HEADER_LENGTH, -8)),
                wrong("refcount_order must be 0 to 6, but is 7", image -> image.putInt(Qcow2Format.REFCOUNT_ORDER, 7)),
                wrong("disk has 0 bytes", image -> image.putLong(Qcow2Format.SIZE, 0)),
                wrong("disk has -512 bytes", image -> image.putLong(Qcow2Format.SIZE, -512)),
                wrong("disk has 1000 bytes", image -> image.putLong(Qcow2Format.SIZE, 1000)),
                wrong("L1 table has 4 entries, but must have 5", image -> image.putLong(Qcow2Format.SIZE, SIZE + 512)),
                wrong("L1 table has 4294967295", image -> image.putInt(Qcow2Format.L1_SIZE, -1)),
                wrong("L1 table is at 0x3001", image -> image.putLong(Qcow2Format.L1_TABLE_OFFSET, L1 + 1)),
                wrong("L1 table is at 0x0", image -> image.putLong(Qcow2Format.L1_TABLE_OFFSET, 0)),
                wrong("L1 table is at 0x6000", image -> image.putLong(Qcow2Format.L1_TABLE_OFFSET, END)),
                wrong("L1 table is at 0xfff", image -> image.putLong(Qcow2Format.L1_TABLE_OFFSET, -CLUSTER)),
                wrong("refcount table has 0", image -> image.putInt(Qcow2Format.REFCOUNT_TABLE_CLUSTERS, 0)),
                wrong("refcount table has", image -> image.putInt(Qcow2Format.REFCOUNT_TABLE_CLUSTERS, 1 << 30)),
                wrong("refcount table is at", image -> image.putInt(Qcow2Format.REFCOUNT_TABLE_CLUSTERS, 6)),
                wrong(
                        "not supported: external data file",
                        image -> image.putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 4)),
                wrong("not supported: extended L2", image -> image.putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 16)),
                wrong("bit 5, bit 63", image -> image.putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 1L << 63 | 1 << 5)),
                wrong("marked corrupt", image -> image.putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 2)),
                wrong("lazy_refcounts", image -> image.putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 1)),
                wrong("compression type is 0", image -> image.putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 8)),
                wrong("persistent bitmaps", image -> image.putLong(Qcow2Format.AUTOCLEAR_FEATURES, 1)),
                wrong(
                        "names a backing file, \"/etc/passwd\"; if that is right, give /etc/passwd to",
                        image -> backing(image, "/etc/passwd", 11)),
                wrong("backing file's name is at 0x200, -1 bytes", image -> backing(image, "x", -1)),
                wrong("backing file's name is at 0x200, 1024 bytes", image -> backing(image, "x", 1024)),
                wrong(
                        "header extension 0x12345678 is 4294967295 bytes",
                        image -> image.putInt(104, 0x12345678).putInt(108, -1)));
    }

    private static void backing(Qcow2Builder image, String name, int length) {
        image.putLong(Qcow2Format.BACKING_FILE_OFFSET, 0x200)
                .putInt(Qcow2Format.BACKING_FILE_SIZE, length)
                .putText(0x200, name);
    }

    @MethodSource("headers")
    @ParameterizedTest(name = "{0}")
    void refusesAnImage_whenItsHeaderIsWrong(String message, Consumer<Qcow2Builder> change) throws IOException {
        Qcow2Builder image = new Qcow2Builder();
        change.accept(image);
        image.write(path);

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(path).open())
                .withMessageStartingWith("disk image " + path + ": ")
                .withMessageContaining(message);
        assertThat(Files.readAllBytes(path)).as("image").isEqualTo(image.bytes());
    }

    @Test
    void namesAnUnknownFeature_whenTheImageHasItsName() throws IOException {
        new Qcow2Builder()
                .putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 1 << 7)
                .putInt(104, Qcow2Format.EXTENSION_FEATURE_NAMES)
                .putInt(108, Qcow2Format.FEATURE_NAME_SIZE)
                .putText(112, "\0\7teleportation")
                .write(path);

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(path).open())
                .withMessageContaining("not supported: teleportation;");
    }

    @Test
    void readsAnIntactImage_andOneThatMayOnlyBeRead() throws IOException {
        new Qcow2Builder().putLong(Qcow2Format.INCOMPATIBLE_FEATURES, 3).write(path);

        try (BlockBackend disk = DiskImage.qcow2(path).readOnly().open()) {
            assertThat(disk.size()).isEqualTo(SIZE);
            assertThat(Disk.read(disk, 0, CLUSTER)).containsOnly(0xda);
            assertThat(Disk.read(disk, CLUSTER, 1000)).containsOnly(0);
        }
    }

    static Stream<Arguments> tables() {
        return Stream.of(
                wrong("L2 table 0 is at 0x4200", image -> image.putLong(L1, L2 + 512)),
                wrong("a cluster of data is at 0x5200", image -> image.putLong(L2, DATA + 512)),
                wrong("0x3000, which belongs", image -> image.putLong(L2, L1 | Qcow2Format.COPIED)),
                wrong("0x1000, which belongs", image -> image.putLong(L2, REFCOUNT_TABLE | Qcow2Format.COPIED)),
                wrong("0x1000, which belongs", image -> image.putLong(L1, REFCOUNT_TABLE | Qcow2Format.COPIED)),
                wrong(
                        "zero cluster in version 2",
                        image -> image.putInt(Qcow2Format.VERSION, 2).putLong(L2, 1)));
    }

    @MethodSource("tables")
    @ParameterizedTest(name = "{0}")
    void refusesToWrite_whenATableIsWrong(String message, Consumer<Qcow2Builder> change) throws IOException {
        Qcow2Builder image = new Qcow2Builder();
        change.accept(image);
        image.write(path);
        BlockBackend disk = DiskImage.qcow2(path).open();

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> Disk.write(disk, 0, new byte[512]))
                .withMessageContaining(message);
        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> Disk.write(disk, CLUSTER, new byte[512]))
                .as("a write elsewhere")
                .withMessageContaining("is not written any more");
        assertThatExceptionOfType(BlockException.class).isThrownBy(disk::close);
        disk.close();
    }

    @Test
    void marksTheImageCorrupt_whenATableIsWrong() throws IOException {
        new Qcow2Builder().putLong(L2, L1 | Qcow2Format.COPIED).write(path);
        BlockBackend disk = DiskImage.qcow2(path).open();

        assertThatExceptionOfType(BlockException.class).isThrownBy(() -> Disk.write(disk, 0, new byte[512]));
        assertThatExceptionOfType(BlockException.class).isThrownBy(disk::close);

        assertThat(ByteBuffer.wrap(Files.readAllBytes(path)).getLong(Qcow2Format.INCOMPATIBLE_FEATURES))
                .isEqualTo(1 << Qcow2Format.CORRUPT);
    }

    @Test
    void readsTheRest_whenATableIsWrong() throws IOException {
        new Qcow2Builder().putLong(L2 + 8, DATA + 512).write(path);

        try (BlockBackend disk = DiskImage.qcow2(path).readOnly().open()) {
            assertThatExceptionOfType(BlockException.class).isThrownBy(() -> Disk.read(disk, CLUSTER, 512));
            assertThat(Disk.read(disk, 0, CLUSTER)).containsOnly(0xda);
        }
    }

    @Test
    void refusesACompressedCluster_thatIsMalformed() throws IOException {
        new Qcow2Builder().putLong(L2, Qcow2Format.COMPRESSED | DATA).write(path);

        try (BlockBackend disk = DiskImage.qcow2(path).open()) {
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> Disk.read(disk, 0, 512))
                    .withMessageContaining("compressed cluster at 0x5000");
        }
    }

    @Test
    void clearsUnknownAutoclearFeatures_beforeItWrites() throws IOException {
        new Qcow2Builder().putLong(Qcow2Format.AUTOCLEAR_FEATURES, 1 << 9).write(path);

        assertThatNoException().isThrownBy(() -> DiskImage.qcow2(path).open().close());

        assertThat(ByteBuffer.wrap(Files.readAllBytes(path)).getLong(Qcow2Format.AUTOCLEAR_FEATURES))
                .isZero();
    }
}
