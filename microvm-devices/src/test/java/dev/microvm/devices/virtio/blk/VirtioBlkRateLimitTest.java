package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.limits.RateLimit;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import org.assertj.core.data.Percentage;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** A limit of a disk's rate, on a clock that the test advances. */
final class VirtioBlkRateLimitTest {
    private static final int SIZE = 1 << 20; // bytes
    private static final Duration STEP = Duration.ofMillis(1);
    private static final int STEPS = 10_000; // 10 s
    private static final Percentage ACCURACY = Percentage.withPercentage(5);

    private final MemoryDisk disk = new MemoryDisk(SIZE);

    private VirtioDriver driver(int queues, RateLimit limit) {
        return new VirtioDriver(transport -> {
                    VirtioBlk device = new VirtioBlk(transport, disk, "", queues, null);
                    device.rateLimit(limit);
                    return device;
                })
                .start();
    }

    private static Buffer header(VirtioDriver driver, int type) {
        return driver.readable(ByteBuffer.allocate(HEADER_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(type)
                .putInt(0)
                .putLong(0)
                .array());
    }

    private static VirtioBlk device(VirtioDriver driver) {
        return (VirtioBlk) driver.mmio().device();
    }

    /** A driver that always has requests waiting: a read, then a write, and so on. */
    private static final class Load {
        private final VirtioDriver driver;
        private final int queue;
        private final Buffer[] read;
        private final Buffer[] write;
        private int asked;
        private long done;

        Load(VirtioDriver driver, int queue, int bytes) {
            this.driver = driver;
            this.queue = queue;
            Buffer status = driver.writable(1);
            read = new Buffer[] {header(driver, T_IN), driver.writable(bytes), status};
            write = new Buffer[] {header(driver, T_OUT), driver.readable(new byte[bytes]), status};
        }

        void step() {
            while (driver.queue(queue).poll() != null) done++;
            while (driver.queue(queue).freeDescriptors() >= read.length) {
                driver.queue(queue).add(asked++ % 2 == 0 ? read : write);
            }
            driver.notify(queue);
        }
    }

    private static void run(VirtioDriver driver, Load... loads) {
        for (int step = 0; step < STEPS; step++) {
            for (Load load : loads) load.step();
            driver.loop().clock().advance(STEP);
            driver.loop().run();
        }
    }

    @ParameterizedTest
    @CsvSource({
        "1000000, 0, 4096, 2441",
        "0, 300, 4096, 3000",
        "1000000, 300, 512, 3000",
        "1000000, 300, 65536, 152",
        "50000000, 0, 65536, 7629"
    })
    void keepsToTheLimit_withReadsAndWritesTogether(long bytes, long operations, int size, long requestsIn10s) {
        VirtioDriver driver = driver(1, new RateLimit(bytes, operations));
        Load load = new Load(driver, 0, size);

        run(driver, load);

        assertThat(load.done).isCloseTo(requestsIn10s, ACCURACY);
    }

    @Test
    void sharesTheLimit_amongAllQueues() {
        VirtioDriver driver = driver(3, RateLimit.operationsPerSecond(300));
        Load one = new Load(driver, 0, 512);
        Load other = new Load(driver, 2, 512);

        run(driver, one, other);

        assertThat(one.done + other.done).isCloseTo(3_000L, ACCURACY);
        assertThat(one.done).isCloseTo(other.done, within(300L));
    }

    @Test
    void keepsToAnotherLimit_whenItIsChanged() {
        VirtioDriver driver = driver(1, RateLimit.operationsPerSecond(100));
        Load load = new Load(driver, 0, 512);
        run(driver, load);
        long before = load.done;

        device(driver).rateLimit(RateLimit.operationsPerSecond(1_000));
        run(driver, load);

        assertThat(before).isCloseTo(1_000L, ACCURACY);
        assertThat(load.done - before).isCloseTo(10_000L, ACCURACY);
    }

    /** Two requests: the first is served at once and paid for in an hour. */
    private VirtioDriver withARequestThatWaits() {
        VirtioDriver driver = driver(1, RateLimit.bytesPerSecond(1));
        Buffer data = driver.writable(4096);
        driver.queue(0).add(header(driver, T_IN), data, driver.writable(1));
        driver.queue(0).add(header(driver, T_IN), data, driver.writable(1));
        driver.notify(0);
        driver.queue(0).take();
        assertThat(driver.queue(0).poll()).isNull();
        return driver;
    }

    @Test
    void servesWhatWaits_whenTheLimitIsRemoved() {
        VirtioDriver driver = withARequestThatWaits();

        device(driver).rateLimit(RateLimit.NONE);
        driver.loop().run();

        assertThat(driver.queue(0).take().written()).isEqualTo(4097);
    }

    @Test
    void limitsNoFlush_andNoQuestionForTheId() {
        VirtioDriver driver = driver(1, new RateLimit(1, 1));
        driver.queue(0).add(header(driver, T_IN), driver.writable(4096), driver.writable(1));
        for (int i = 0; i < 20; i++) driver.queue(0).add(header(driver, T_FLUSH), driver.writable(1));
        driver.queue(0).add(header(driver, T_GET_ID), driver.writable(20), driver.writable(1));

        driver.notify(0);

        for (int i = 0; i < 22; i++) driver.queue(0).take();
    }

    @Test
    void countsZeroes_asTheBytesThatTheyMayBe() {
        VirtioDriver driver = driver(1, RateLimit.bytesPerSecond(512));
        byte[] range = ByteBuffer.allocate(RANGE_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(RANGE_SECTORS, 10)
                .array();
        driver.queue(0).add(header(driver, T_WRITE_ZEROES), driver.readable(range), driver.writable(1));
        driver.queue(0).add(header(driver, T_IN), driver.writable(512), driver.writable(1));
        driver.notify(0);
        driver.queue(0).take();

        driver.loop().clock().advance(Duration.ofMillis(9_900));
        assertThat(driver.queue(0).poll()).isNull();
        driver.loop().clock().advance(Duration.ofMillis(200));
        assertThat(driver.queue(0).poll()).isNotNull();
    }

    @Test
    void canBeReset_whileARequestWaits() {
        VirtioDriver driver = withARequestThatWaits();

        driver.mmio().reset();
        driver.start();
        driver.loop().clock().advance(Duration.ofHours(2));

        assertThat(driver.queue(0).poll()).as("the driver's again").isNull();
        driver.queue(0).add(header(driver, T_IN), driver.writable(512), driver.writable(1));
        driver.notify(0);
        assertThat(driver.queue(0).take().written()).isEqualTo(513);
    }

    @Test
    void canBePausedAndClosed_whileARequestWaits() {
        VirtioDriver driver = withARequestThatWaits();

        driver.mmio().pause();
        driver.loop().clock().advance(Duration.ofHours(2));
        assertThat(driver.queue(0).poll()).as("while paused").isNull();
        driver.mmio().resume();
        driver.loop().run();
        assertThat(driver.queue(0).poll()).as("the pause does not count").isNull();
        driver.loop().clock().advance(Duration.ofHours(2));
        driver.loop().run();
        assertThat(driver.queue(0).poll()).isNotNull();

        driver.mmio().close();
        assertThat(disk.closed).isTrue();
    }

    @Test
    void keepsTheLimit_fromRunToRun(@TempDir Path folder) throws IOException {
        Path image = Files.write(folder.resolve("image"), new byte[4096]);
        VirtioBlkOptions options =
                VirtioBlkOptions.of(DiskImage.raw(image)).rateLimit(RateLimit.operationsPerSecond(7));
        DiskEnd end = new DiskEnd(options, "machine", /* ownThreads= */ false);
        Disk host = end.disk();
        assertThat(host.rateLimit()).isEqualTo(RateLimit.operationsPerSecond(7));

        VirtioDriver first = new VirtioDriver(end).start();
        host.rateLimit(RateLimit.operationsPerSecond(100));
        assertThat(requestsIn10s(first)).isCloseTo(1_000L, ACCURACY);
        first.mmio().close();
        VirtioDriver second = new VirtioDriver(end).start();

        assertThat(requestsIn10s(second)).isCloseTo(1_000L, ACCURACY);
        second.mmio().close();
        end.end();
        host.rateLimit(RateLimit.NONE);
    }

    private static long requestsIn10s(VirtioDriver driver) {
        Load load = new Load(driver, 0, 512);
        run(driver, load);
        return load.done;
    }
}
