package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;
import static org.assertj.core.api.Assertions.assertThatIllegalArgumentException;

import dev.microvm.backend.disk.BlockException;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.devices.virtio.VirtioFeatures;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

final class VirtioBlkTest {
    private static final int SECTORS = 64;
    private static final int PENDING = 0xAA; // a status that no device gives

    private final MemoryDisk disk = new MemoryDisk(SECTORS * 512);

    private VirtioDriver driver() {
        return device().start();
    }

    private VirtioDriver device() {
        return new VirtioDriver(transport -> new VirtioBlk(transport, disk, "serial-7", 1, null));
    }

    private static byte[] header(int type, long sector) {
        return ByteBuffer.allocate(HEADER_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(type)
                .putInt(0)
                .putLong(sector)
                .array();
    }

    private static byte[] range(long sector, int sectors, int flags) {
        return ByteBuffer.allocate(RANGE_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putLong(sector)
                .putInt(sectors)
                .putInt(flags)
                .array();
    }

    private static byte[] pattern(int length) {
        byte[] bytes = new byte[length];
        for (int i = 0; i < length; i++) {
            bytes[i] = (byte) (i * 31 + i / 256);
        }
        return bytes;
    }

    /** Sends a request with these buffers of data, and returns its status. */
    private static int request(VirtioDriver driver, int type, long sector, Buffer... data) {
        Buffer status = driver.readable((byte) PENDING);
        Buffer[] all = Stream.of(
                        Stream.of(driver.readable(header(type, sector))),
                        Arrays.stream(data),
                        Stream.of(Buffer.writable(status.gpa(), 1)))
                .flatMap(each -> each)
                .toArray(Buffer[]::new);
        driver.queue(0).add(all);
        driver.notify(0);
        driver.queue(0).take();
        return driver.content(status)[0] & 0xFF;
    }

    // ---- configuration

    @Test
    void describesTheDisk() {
        VirtioDriver driver = device();

        assertThat(driver.config(CAPACITY, 8)).isEqualTo(SECTORS);
        assertThat(driver.config(BLK_SIZE, 4)).isEqualTo(512);
        assertThat(driver.config(SEG_MAX, 4)).isEqualTo(254);
        assertThat(driver.config(NUM_QUEUES, 2)).isEqualTo(1);
        assertThat(driver.config(WRITEBACK, 1)).isEqualTo(1);
        assertThat(driver.config(DISCARD_SECTOR_ALIGNMENT, 4)).isEqualTo(8);
        assertThat(driver.config(PHYSICAL_BLOCK_EXP, 1)).isEqualTo(3);
        assertThat(driver.mmio().device().deviceId()).isEqualTo(2);
        assertThat(driver.offered() & 0xFFFFFF)
                .isEqualTo(F_SEG_MAX | F_BLK_SIZE | F_FLUSH | F_TOPOLOGY | F_CONFIG_WCE | F_DISCARD | F_WRITE_ZEROES);
    }

    @Test
    void offersQueues_whenThereAreSeveral() {
        VirtioDriver driver = new VirtioDriver(transport -> new VirtioBlk(transport, disk, "", 3, null));

        assertThat(driver.offered() & F_MQ).isNotZero();
        assertThat(driver.config(NUM_QUEUES, 2)).isEqualTo(3);
        assertThat(driver.mmio().queueCount()).isEqualTo(3);
    }

    @Test
    void offersReadingOnly_whenTheDiskIsReadOnly() {
        disk.readOnly = true;
        VirtioDriver driver = driver();

        assertThat(driver.offered() & (F_RO | F_DISCARD | F_WRITE_ZEROES)).isEqualTo(F_RO);
        assertThat(request(driver, T_OUT, 0, driver.readable(new byte[512]))).isEqualTo(S_IOERR);
        assertThat(request(driver, T_DISCARD, 0, driver.readable(range(0, 1, 0))))
                .isEqualTo(S_UNSUPP);
        assertThat(request(driver, T_IN, 0, driver.writable(512))).isEqualTo(S_OK);
        assertThat(disk.calls).containsExactly("read 0 512");
    }

    @Test
    void refusesArguments_thatAreOutOfRange() {
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new VirtioDriver(t -> new VirtioBlk(t, disk, "", 17, null)))
                .withMessage("queues: 1 to 16, was 17");
        assertThatIllegalArgumentException()
                .isThrownBy(() -> new VirtioDriver(t -> new VirtioBlk(t, disk, "123456789012345678901", 1, null)))
                .withMessageContaining("at most 20 printable");
    }

    // ---- another medium

    @Test
    void servesAnotherMedium_andTellsItsSize() {
        VirtioDriver driver = driver();
        driver.acknowledge();
        MemoryDisk other = new MemoryDisk(2 * SECTORS * 512);
        System.arraycopy(pattern(512), 0, other.content, 512, 512);

        ((VirtioBlk) driver.mmio().device()).replace(other);
        driver.loop().run();

        assertThat(driver.config(CAPACITY, 8)).isEqualTo(2 * SECTORS);
        assertThat(driver.acknowledge()).as("configuration change").isEqualTo(2);
        assertThat(disk.closed).isTrue();
        Buffer data = driver.writable(512);
        assertThat(request(driver, T_IN, 1, data)).isEqualTo(S_OK);
        assertThat(driver.content(data)).isEqualTo(pattern(512));
        driver.mmio().close();
        assertThat(other.closed).isTrue();
    }

    @Test
    void closesAMediumThatComesTooLate() {
        VirtioDriver driver = driver();
        MemoryDisk other = new MemoryDisk(512);

        ((VirtioBlk) driver.mmio().device()).replace(other);
        driver.mmio().close();
        driver.loop().run();

        assertThat(disk.closed).isTrue();
    }

    @Test
    void changesTheImage_forLaterRunsToo(@TempDir Path folder) throws IOException {
        Path small = Files.write(folder.resolve("small"), new byte[4096]);
        Path large = Files.write(folder.resolve("large"), new byte[8192]);
        DiskEnd end = new DiskEnd(VirtioBlkOptions.of(DiskImage.raw(small)), "machine", /* ownThreads= */ false);
        VirtioDriver first = new VirtioDriver(end).start();

        end.disk().image(DiskImage.raw(large));
        first.loop().run();

        assertThat(first.config(CAPACITY, 8)).isEqualTo(16);
        assertThatExceptionOfType(BlockException.class)
                .isThrownBy(() -> end.disk().image(DiskImage.raw(folder.resolve("none"))));
        assertThatIllegalArgumentException()
                .isThrownBy(() -> end.disk().image(DiskImage.raw(small).readOnly()));
        first.mmio().close();
        VirtioDriver second = new VirtioDriver(end).start();
        assertThat(second.config(CAPACITY, 8)).isEqualTo(16);
        second.mmio().close();
        end.end();
    }

    // ---- requests

    @Test
    void readsSectors_toWhereverTheDriverWantsThem() {
        System.arraycopy(pattern(1536), 0, disk.content, 1024, 1536);
        VirtioDriver driver = driver();
        Buffer first = driver.writable(100);
        Buffer second = driver.writable(1436);

        int status = request(driver, T_IN, 2, first, second);

        assertThat(status).isEqualTo(S_OK);
        assertThat(driver.content(first)).isEqualTo(Arrays.copyOf(pattern(1536), 100));
        assertThat(driver.content(second)).isEqualTo(Arrays.copyOfRange(pattern(1536), 100, 1536));
    }

    @Test
    void writesSectors() {
        VirtioDriver driver = driver();

        int status = request(driver, T_OUT, 62, driver.readable(pattern(1024)));

        assertThat(status).isEqualTo(S_OK);
        assertThat(Arrays.copyOfRange(disk.content, 62 * 512, 64 * 512)).isEqualTo(pattern(1024));
        assertThat(disk.calls).containsExactly("write 31744 1024");
    }

    /** Any framing is allowed: 2.7.4.1. */
    @Test
    void findsHeaderDataAndStatus_whereverTheBuffersAreCut() {
        VirtioDriver driver = driver();
        byte[] header = header(T_OUT, 1);
        byte[] data = pattern(512);
        Buffer status = driver.readable((byte) PENDING);

        driver.queue(0)
                .add(
                        driver.readable(Arrays.copyOf(header, 5)),
                        driver.readable(concat(Arrays.copyOfRange(header, 5, 16), Arrays.copyOf(data, 7))),
                        driver.readable(Arrays.copyOfRange(data, 7, 512)),
                        Buffer.writable(status.gpa(), 1));
        driver.notify(0);

        assertThat(driver.queue(0).take().written()).isEqualTo(1);
        assertThat(driver.content(status)).containsExactly(S_OK);
        assertThat(Arrays.copyOfRange(disk.content, 512, 1024)).isEqualTo(data);
    }

    private static byte[] concat(byte[] one, byte[] other) {
        return ByteBuffer.allocate(one.length + other.length)
                .put(one)
                .put(other)
                .array();
    }

    @Test
    void putsTheStatusBehindTheData_inOneBuffer() {
        VirtioDriver driver = driver();
        Buffer buffer = driver.writable(513);

        driver.queue(0).add(driver.readable(header(T_GET_ID, 0)), buffer);
        driver.notify(0);

        assertThat(driver.queue(0).take().written()).isEqualTo(513);
        assertThat(new String(driver.content(buffer), 0, 8, StandardCharsets.US_ASCII))
                .isEqualTo("serial-7");
        assertThat(driver.content(buffer)[512]).isEqualTo((byte) S_OK);
    }

    @ParameterizedTest
    @CsvSource({
        "64, 512",
        "63, 1024",
        "-1, 512",
        "0x7fffffffffffffff, 512",
        "36028797018963968, 512",
        "0, 100",
        "0, 513"
    })
    void refusesSectors_thatAreNotOnTheDisk(String sector, int length) {
        VirtioDriver driver = driver();

        assertThat(request(driver, T_IN, Long.decode(sector), driver.writable(length)))
                .isEqualTo(S_IOERR);
        assertThat(request(driver, T_OUT, Long.decode(sector), driver.readable(new byte[length])))
                .isEqualTo(S_IOERR);
        assertThat(disk.calls).isEmpty();
        assertThat(driver.needsReset()).isFalse();
    }

    @ParameterizedTest
    @ValueSource(ints = {2, 10, 14, 16, -1})
    void refusesTypes_thatItDoesNotKnow(int type) {
        assertThat(request(driver(), type, 0)).isEqualTo(S_UNSUPP);
    }

    @Test
    void discardsAndZeroes() {
        VirtioDriver driver = driver();

        assertThat(request(driver, T_DISCARD, 0, driver.readable(range(8, 16, 0))))
                .isEqualTo(S_OK);
        assertThat(request(driver, T_WRITE_ZEROES, 0, driver.readable(range(1, 2, 0))))
                .isEqualTo(S_OK);
        assertThat(request(driver, T_WRITE_ZEROES, 0, driver.readable(range(0, 64, RANGE_F_UNMAP))))
                .isEqualTo(S_OK);

        assertThat(disk.calls).containsExactly("discard 4096 8192", "zero 512 1024 false", "zero 0 32768 true");
    }

    /** So that a large one can be interrupted. */
    @Test
    void discardsInPieces_thatEndWithAUnit() {
        CountingDiscards large = new CountingDiscards();
        VirtioDriver driver = new VirtioDriver(transport -> new VirtioBlk(transport, large, "", 1, null)).start();

        assertThat(request(driver, T_DISCARD, 0, driver.readable(range(1, 1 << 18, 0))))
                .isEqualTo(S_OK);

        assertThat(large.ranges).containsExactly("512 + 67108352", "67108864 + 67108864", "134217728 + 512");
    }

    private static final class CountingDiscards extends MemoryDisk {
        private final List<String> ranges = new ArrayList<>();

        CountingDiscards() {
            super(512);
        }

        @Override
        public long size() {
            return 1 << 30;
        }

        @Override
        public void discard(long position, long length) {
            ranges.add(position + " + " + length);
        }
    }

    @Test
    void refusesRanges_thatAreWrong() {
        VirtioDriver driver = driver();

        assertThat(request(driver, T_DISCARD, 0, driver.readable(range(0, 1, RANGE_F_UNMAP))))
                .isEqualTo(S_UNSUPP);
        assertThat(request(driver, T_WRITE_ZEROES, 0, driver.readable(range(0, 1, 2))))
                .isEqualTo(S_UNSUPP);
        assertThat(request(driver, T_DISCARD, 0, driver.readable(range(63, 2, 0))))
                .isEqualTo(S_IOERR);
        assertThat(request(driver, T_DISCARD, 0, driver.readable(range(0, -1, 0))))
                .isEqualTo(S_IOERR);
        assertThat(request(driver, T_DISCARD, 0, driver.readable(new byte[15]))).isEqualTo(S_IOERR);
        assertThat(request(driver, T_DISCARD, 0, driver.readable(new byte[32]))).isEqualTo(S_IOERR);
        assertThat(disk.calls).isEmpty();
    }

    @Test
    void refusesDiscard_whenTheDriverDidNotNegotiateIt() {
        VirtioDriver driver = device().start(VirtioFeatures.VERSION_1);

        assertThat(request(driver, T_DISCARD, 0, driver.readable(range(0, 1, 0))))
                .isEqualTo(S_UNSUPP);
        assertThat(request(driver, T_WRITE_ZEROES, 0, driver.readable(range(0, 1, 0))))
                .isEqualTo(S_UNSUPP);
    }

    @Test
    void answersWithAnError_whenTheDiskFails() {
        VirtioDriver driver = driver();
        disk.failing = true;

        assertThat(request(driver, T_IN, 0, driver.writable(512))).isEqualTo(S_IOERR);
        assertThat(request(driver, T_FLUSH, 0)).isEqualTo(S_IOERR);
        disk.failing = false;
        assertThat(request(driver, T_IN, 0, driver.writable(512))).isEqualTo(S_OK);
    }

    @Test
    void needsAReset_whenARequestHasNoHeaderOrStatus() {
        VirtioDriver driver = driver();
        driver.queue(0).add(driver.readable(new byte[15]), driver.writable(1));
        driver.notify(0);
        assertThat(driver.needsReset()).isTrue();

        driver.start();
        driver.queue(0).add(driver.readable(header(T_FLUSH, 0)));
        driver.notify(0);
        assertThat(driver.needsReset()).isTrue();

        assertThat(request(driver.start(), T_FLUSH, 0)).isEqualTo(S_OK);
    }

    // ---- caches

    @Test
    void flushes_whenAsked() {
        assertThat(request(driver(), T_FLUSH, 0)).isEqualTo(S_OK);
        assertThat(disk.calls).containsExactly("flush");
    }

    @Test
    void flushesAfterEachWrite_whenTheDriverSwitchesTheCacheOff() {
        VirtioDriver driver = driver();

        driver.writeConfig(WRITEBACK, 1, 0);
        request(driver, T_OUT, 0, driver.readable(new byte[512]));
        driver.writeConfig(WRITEBACK, 1, 1);
        request(driver, T_OUT, 0, driver.readable(new byte[512]));

        assertThat(disk.calls).containsExactly("write 0 512", "flush", "write 0 512");
        assertThat(driver.config(WRITEBACK, 1)).isEqualTo(1);
    }

    @Test
    void flushesAfterEachWrite_whenTheDriverCannotFlush() {
        VirtioDriver driver = device().start(VirtioFeatures.VERSION_1);

        request(driver, T_OUT, 0, driver.readable(new byte[512]));

        assertThat(disk.calls).containsExactly("write 0 512", "flush");
    }

    // ---- state

    @Test
    void savesAndRestoresTheCachesMode() {
        VirtioDriver driver = driver();
        driver.writeConfig(WRITEBACK, 1, 0);
        VirtioDriver other = device();

        other.mmio().restore(driver.mmio().save());

        assertThat(other.config(WRITEBACK, 1)).isZero();
        assertThat(List.copyOf(disk.calls)).isEmpty();
    }

    @Test
    void closesTheDisk() {
        device().mmio().close();

        assertThat(disk.closed).isTrue();
    }
}
