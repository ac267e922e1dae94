package dev.microvm.backend.disk;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;
import static org.assertj.core.api.Assertions.assertThatNoException;
import static org.assertj.core.api.Assertions.assertThatNullPointerException;
import static org.assertj.core.api.InstanceOfAssertFactories.STRING;

import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.junit.jupiter.params.provider.ValueSource;

/** Raw images, overlays, and what all images have in common. */
final class DiskImageTest {
    private static final int SIZE = 1 << 20; // bytes

    @TempDir
    private Path directory;

    private Path path;

    @BeforeEach
    void makeImage() throws IOException {
        byte[] content = new byte[SIZE];
        Arrays.fill(content, (byte) 7);
        path = Files.write(directory.resolve("image"), content);
    }

    private static byte[] filled(int length, int value) {
        byte[] bytes = new byte[length];
        Arrays.fill(bytes, (byte) value);
        return bytes;
    }

    // ---- raw

    @ParameterizedTest
    @EnumSource
    void agreesWithModel_onARawImage(CacheMode cache) throws IOException {
        DiskModel model = new DiskModel(Files.readAllBytes(path), 1);

        try (BlockBackend disk = DiskImage.raw(path).cache(cache).open()) {
            model.exercise(disk, 500);
            model.check(disk);
        }

        assertThat(Files.readAllBytes(path)).isEqualTo(model.content());
    }

    @Test
    void agreesWithModel_whenTheHostIsNotLinux() throws IOException {
        DiskModel model = new DiskModel(Files.readAllBytes(path), 2);
        String system = System.setProperty("os.name", "Windows");
        try (BlockBackend disk = DiskImage.raw(path).open()) {
            model.exercise(disk, 500);
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> DiskImage.raw(path).open())
                    .withMessageContaining("another machine or program");
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> DiskImage.raw(path).cache(CacheMode.NONE).open())
                    .withMessageContaining("use cache=writeback");
        } finally {
            System.setProperty("os.name", system);
        }

        assertThat(Files.readAllBytes(path)).isEqualTo(model.content());
    }

    /** Guest memory in any alignment, as a guest's buffers may lie, without the page cache. */
    @ParameterizedTest
    @ValueSource(ints = {0, 1, 512, 4095})
    void readsAndWrites_whenMemoryIsNotAligned(int offset) {
        try (Arena arena = Arena.ofConfined();
                BlockBackend disk = DiskImage.raw(path).cache(CacheMode.NONE).open()) {
            MemorySegment memory = arena.allocate(SIZE, 4096);
            memory.asSlice(offset, 3 * 512).fill((byte) 9);

            disk.write(512, memory, offset, 3 * 512);
            disk.read(0, memory, offset, 5 * 512);

            assertThat(memory.asSlice(offset, 512).toArray(ValueLayout.JAVA_BYTE))
                    .containsOnly(7);
            assertThat(memory.asSlice(offset + 512, 3 * 512).toArray(ValueLayout.JAVA_BYTE))
                    .containsOnly(9);
            assertThat(memory.asSlice(offset + 4 * 512, 512).toArray(ValueLayout.JAVA_BYTE))
                    .containsOnly(7);
        }
    }

    @Test
    void roundsTheSizeUp_whenAFileDoesNotEndWithASector() throws IOException {
        Files.write(path, filled(700, 5));

        try (BlockBackend disk = DiskImage.raw(path).open()) {
            assertThat(disk.size()).isEqualTo(1024);
            assertThat(Arrays.copyOf(Disk.read(disk, 512, 512), 190))
                    .startsWith(filled(188, 5))
                    .endsWith(0, 0);
        }
    }

    @Test
    void givesSpaceBack_whenARangeIsDiscarded() throws IOException {
        Path large = Files.write(directory.resolve("large"), filled(8 << 20, 1));
        long before = blocks(large);

        try (BlockBackend disk = DiskImage.raw(large).open()) {
            disk.discard(0, 8 << 20);
        }

        assertThat(blocks(large)).isLessThan(before);
        assertThat(Files.size(large)).isEqualTo(8 << 20);
    }

    private static long blocks(Path file) throws IOException {
        Process du = new ProcessBuilder("du", "-k", file.toString()).start();
        return Long.parseLong(new String(du.getInputStream().readAllBytes(), StandardCharsets.UTF_8).split("\t", 2)[0]);
    }

    @Test
    void refusesRequests_thatAreNotInside() {
        try (BlockBackend disk = DiskImage.raw(path).open()) {
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> Disk.read(disk, SIZE - 512, 1024));
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> Disk.write(disk, -512, new byte[512]));
            assertThatExceptionOfType(IndexOutOfBoundsException.class).isThrownBy(() -> disk.discard(SIZE, 512));
            assertThatExceptionOfType(IndexOutOfBoundsException.class)
                    .isThrownBy(() -> disk.writeZeroes(0, SIZE + 512, true));
        }
    }

    // ---- read-only, locks

    @Test
    void refusesToWrite_whenReadOnly() {
        try (BlockBackend disk = DiskImage.raw(path).readOnly().open()) {
            assertThat(disk.readOnly()).isTrue();
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> Disk.write(disk, 0, new byte[512]))
                    .withMessageContaining("reading only");
            assertThatExceptionOfType(BlockException.class).isThrownBy(() -> disk.discard(0, 512));
            assertThatNoException().isThrownBy(disk::flush);
        }
    }

    @Test
    void locksAnImage_againstASecondWriterAndReaders() {
        try (BlockBackend disk = DiskImage.raw(path).open()) {
            assertThat(disk.readOnly()).isFalse();
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> DiskImage.raw(path).open())
                    .withMessageContaining(
                            "another machine or program uses it: it has locked byte 101, as QEMU does; stop");
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> DiskImage.raw(path).readOnly().open())
                    .withMessageContaining("another machine or program writes it");
        }
        assertThatNoException().isThrownBy(() -> DiskImage.raw(path).open().close());
    }

    @Test
    void letsManyRead_andNobodyWrite() {
        try (BlockBackend one = DiskImage.raw(path).readOnly().open();
                BlockBackend other = DiskImage.raw(path).overlay().open()) {
            assertThat(Disk.read(one, 0, 512)).isEqualTo(Disk.read(other, 0, 512));
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> DiskImage.raw(path).open());
        }
    }

    @Test
    @QemuImg.Required
    void keepsQemuOut_andStaysOut() throws IOException {
        Path image = directory.resolve("q");
        QemuImg.create(image, SIZE, "cluster_size=4k");
        try (BlockBackend disk = DiskImage.qcow2(image).open()) {
            assertThat(disk.size()).isEqualTo(SIZE);
            QemuImg.Result resize = QemuImg.run("resize", "-f", "qcow2", image, 2 * SIZE);
            assertThat(resize.status()).isNotZero();
            assertThat(resize.output()).contains("lock");
        }
    }

    // ---- descriptions

    @Test
    void namesAllProblems_beforeAnythingIsOpened() {
        DiskImage image = DiskImage.raw(directory.resolve("missing"))
                .backing(DiskImage.raw(directory).overlay());

        assertThat(image.problems())
                .containsExactly(
                        "disk image " + directory + "/missing: there is no such file; make it, or correct the path",
                        "disk image " + directory
                                + "/missing: a raw image has no backing file; leave backing() out, or use qcow2()",
                        "disk image " + directory
                                + "/missing: its backing file cannot have an overlay; put overlay() on this image"
                                + " instead",
                        "disk image " + directory + ": it is a directory; name the image file in it");
        assertThat(DiskImage.raw(path).problems()).isEmpty();
    }

    @Test
    void describesItself() {
        DiskImage image = DiskImage.qcow2(Path.of("a"))
                .backing(DiskImage.raw(Path.of("b")).readOnly());

        assertThat(image).hasToString("a (qcow2, on b (raw, read-only))");
        assertThat(image.cache(CacheMode.NONE).overlay())
                .hasToString("a (qcow2, overlay, cache=none, on b (raw, read-only))");
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void refusesNull_andSaysWhatToGive(boolean raw) {
        DiskImage image = raw ? DiskImage.raw(path) : DiskImage.qcow2(path);

        assertThatNullPointerException()
                .isThrownBy(() -> DiskImage.raw(none()))
                .withMessageStartingWith("path: null; give");
        assertThatNullPointerException()
                .isThrownBy(() -> image.cache(none()))
                .withMessageStartingWith("cache: null; give");
        assertThatNullPointerException()
                .isThrownBy(() -> image.backing(none()))
                .withMessageStartingWith("backing: null; give");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> image.overlay(-1))
                .withMessage("overlay: 0 or more bytes, was -1");
    }

    @SuppressWarnings({"NullAway", "TypeParameterUnusedInFormals"})
    private static <T> T none() {
        return null;
    }

    /** Opening a FIFO would wait for whoever writes it. */
    @Test
    @Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
    void refusesWhatIsNoFileOrBlockDevice() throws IOException, InterruptedException {
        Path fifo = directory.resolve("fifo");
        assertThat(new ProcessBuilder("mkfifo", fifo.toString()).start().waitFor())
                .isZero();

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.raw(fifo).readOnly().open())
                .withMessage("disk image %s: it is a FIFO; a disk image is a regular file or a block device", fifo);
        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(fifo).open())
                .withMessageContaining("a FIFO");
        assertThat(DiskImage.raw(Path.of("/dev/null")).problems())
                .singleElement(STRING)
                .contains("it is a character device");
        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.raw(directory).open())
                .withMessageContaining("it is a directory; name the image file in it");
    }

    @Test
    void noticesAQcow2Image_thatIsOpenedAsRaw() throws IOException {
        Path image = new Qcow2Builder().write(directory.resolve("q"));

        try (RawImage disguised = RawImage.open(image, /* readOnly= */ true, CacheMode.WRITEBACK);
                RawImage raw = RawImage.open(path, /* readOnly= */ true, CacheMode.WRITEBACK)) {
            assertThat(disguised.looksLikeQcow2()).isTrue();
            assertThat(raw.looksLikeQcow2()).isFalse();
        }
        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(path).open())
                .withMessageContaining("it is not a qcow2 file; if it is a raw image, use DiskImage.raw");
    }

    @Test
    void refusesAnImage_thatIsUnderItself_andAChainThatIsTooLong() {
        DiskImage loop = DiskImage.qcow2(path)
                .backing(DiskImage.qcow2(directory.resolve("other"))
                        .backing(DiskImage.raw(directory.resolve("../" + directory.getFileName() + "/image"))));
        DiskImage chain = DiskImage.raw(path);
        for (int i = 0; i < 10_000; i++) chain = DiskImage.qcow2(path).backing(chain);
        DiskImage deep = chain;

        assertThat(loop.problems())
                .contains("disk image " + path + ": it is its own backing file; name another one in backing()");
        assertThat(deep.problems()).singleElement(STRING).contains("has 10000 backing files, but may have 63; merge");
        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(deep::open)
                .withMessageContaining("may have 63; merge some with qemu-img commit");
    }

    @Test
    void findsAFileThatTwoDisksUse_ifOneWritesIt() {
        DiskImage base = DiskImage.raw(path);
        DiskImage top = DiskImage.qcow2(directory.resolve("top")).backing(base);
        Path alias = directory.resolve("../" + directory.getFileName() + "/image");

        assertThat(base.fileSharedWith(DiskImage.raw(alias))).contains(path);
        assertThat(top.fileSharedWith(base)).contains(path);
        assertThat(top.fileSharedWith(base.overlay())).isEmpty();
        assertThat(base.readOnly().fileSharedWith(DiskImage.raw(alias).overlay()))
                .isEmpty();
    }

    @Test
    void readsZero_whereAFileHasBecomeShorter() throws IOException {
        try (BlockBackend disk = DiskImage.raw(path).open();
                RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(512);

            assertThat(Disk.read(disk, 0, 1024)).startsWith(filled(512, 7)).endsWith(filled(512, 0));
            Disk.write(disk, 4096, filled(512, 9));
            assertThat(Disk.read(disk, 4096, 512)).containsOnly(9);
        }
    }

    // ---- overlay

    @Test
    void agreesWithModel_andLeavesTheImageAlone_whenThereIsAnOverlay() throws IOException {
        byte[] before = Files.readAllBytes(path);
        DiskModel model = new DiskModel(before.clone(), 3);

        try (RamOverlay disk = (RamOverlay) DiskImage.raw(path).overlay().open()) {
            model.exercise(disk, 500);
            model.check(disk);
            disk.reset();
            assertThat(Disk.read(disk, 0, SIZE)).isEqualTo(before);
            assertThat(disk.usedBytes()).isZero();
        }

        assertThat(Files.readAllBytes(path)).isEqualTo(before);
    }

    @Test
    void refusesAWrite_whenTheOverlayIsFull() {
        try (RamOverlay disk = (RamOverlay) DiskImage.raw(path).overlay(65536).open()) {
            Disk.write(disk, 0, new byte[512]);
            Disk.write(disk, 65024, new byte[512]);

            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> Disk.write(disk, 65536, new byte[512]))
                    .withMessageContaining("overlay of the disk is full (limit 65536 bytes)");
            assertThat(Disk.read(disk, 65536, 512)).containsOnly(7);
        }
    }

    /** A cluster of the base that cannot be read, to which a guest writes again and again. */
    @Test
    void takesNoMemory_forWritesThatFail() throws IOException {
        new Qcow2Builder().putLong(Qcow2Builder.L2, Qcow2Builder.DATA + 512).write(path);
        try (RamOverlay disk =
                (RamOverlay) DiskImage.qcow2(path).overlay(1 << 20).open()) {
            for (int i = 0; i < 10_000; i++) { // 640 MiB, if each took a chunk
                assertThatExceptionOfType(BlockException.class).isThrownBy(() -> Disk.write(disk, 0, new byte[512]));
            }
            assertThat(disk.usedBytes()).isZero();
            Disk.write(disk, 1 << 20, new byte[] {1});
            assertThat(Disk.read(disk, 1 << 20, 512)).startsWith(1, 0).endsWith(0);
        }
    }

    @Test
    void countsMarksOfZero_asMemoryForWrites() throws IOException {
        try (RandomAccessFile file = new RandomAccessFile(path.toFile(), "rw")) {
            file.setLength(1L << 30); // sparse
        }
        try (RamOverlay disk =
                (RamOverlay) DiskImage.raw(path).overlay(64 << 10).open()) {
            assertThatExceptionOfType(BlockException.class)
                    .isThrownBy(() -> disk.writeZeroes(0, 1L << 30, /* mayUnmap= */ true))
                    .withMessageContaining("overlay of the disk is full");
            disk.discard(0, 1L << 30);
            assertThat(disk.usedBytes()).isLessThanOrEqualTo(64 << 10);
        }
    }

    @Test
    @QemuImg.Required
    void refusesAnOverlay_onADiskThatIsTooLarge() {
        QemuImg.create(path, 1L << 47, "cluster_size=2M");

        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> DiskImage.qcow2(path).overlay().open())
                .withMessageContaining("a disk with an overlay has at most 70368744177664 bytes");
        DiskImage.qcow2(path).open().close();
    }

    @Test
    void savesAndRestoresWhatWasWritten() {
        DiskModel model = new DiskModel(filled(SIZE, 7), 4);
        DeviceState state;
        try (RamOverlay disk = (RamOverlay) DiskImage.raw(path).overlay().open()) {
            model.exercise(disk, 100);
            disk.writeZeroes(0, 65536, true);
            Arrays.fill(model.content(), 0, 65536, (byte) 0);
            state = DeviceState.decode(disk.save().encode());
        }

        try (RamOverlay disk = (RamOverlay) DiskImage.raw(path).overlay().open()) {
            Disk.write(disk, 4096, filled(4096, 1));
            disk.restore(state);
            model.check(disk);
        }
    }
}
