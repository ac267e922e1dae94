package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * A hostile driver of a disk. In an ordinary build the sample scripts run, and what is in {@code
 * src/test/resources/.../VirtioBlkFuzzTestInputs}; with JAZZER_FUZZ=1 Jazzer looks for new ones.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class VirtioBlkFuzzTest {
    private static final int DISK_SIZE = 128 * 1024; // bytes
    private static final int QUEUES = 2;
    private static final int QUEUE_SIZE = 16;
    private static final int BUFFERS = 64 * 1024; // bytes of guest memory for buffers
    private static final int[] TYPES = {T_IN, T_OUT, T_FLUSH, T_GET_ID, T_DISCARD, T_WRITE_ZEROES, 10, -1};
    private static final int STEP = 6; // bytes that a step takes at most

    static Stream<byte[]> samples() {
        return IntStream.range(0, 100).mapToObj(seed -> {
            Random random = new Random(seed);
            byte[] script = new byte[random.nextInt(400)];
            random.nextBytes(script);
            return script;
        });
    }

    /** A disk that must not be asked for what it does not have: the device checks. */
    private static final class StrictDisk implements BlockBackend {
        private void check(long position, long length, MemorySegment segment, long offset) {
            if (position < 0 || length < 0 || position > DISK_SIZE - length) {
                throw new AssertionError("[%d, +%d) asked of the disk".formatted(position, length));
            }
            Objects.checkFromIndexSize(offset, length, segment.byteSize());
        }

        @Override
        public long size() {
            return DISK_SIZE;
        }

        @Override
        public boolean readOnly() {
            return false;
        }

        @Override
        public int discardUnit() {
            return 512;
        }

        @Override
        public void read(long position, MemorySegment to, long offset, long length) {
            check(position, length, to, offset);
            to.asSlice(offset, length).fill((byte) 1);
        }

        @Override
        public void write(long position, MemorySegment from, long offset, long length) {
            check(position, length, from, offset);
        }

        @Override
        public void flush() {}

        @Override
        public void discard(long position, long length) {
            check(position, length, MemorySegment.NULL, 0);
        }

        @Override
        public void writeZeroes(long position, long length, boolean mayUnmap) {
            if (position > DISK_SIZE - length) throw new AssertionError();
        }

        @Override
        public void close() {}
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void driver(byte[] script) {
        VirtioDriver driver = new VirtioDriver(t -> new VirtioBlk(t, new StrictDisk(), "fuzz", QUEUES, null));
        long buffers = driver.allocate(BUFFERS);
        driver.start(driver.offered(), QUEUE_SIZE);
        ByteBuffer in = ByteBuffer.wrap(script);
        while (in.remaining() >= STEP) {
            step(driver, buffers, in);
        }
        driver.start(driver.offered(), QUEUE_SIZE);
        request(driver, 0, buffers, T_FLUSH, 0, 0);
        assertThat(driver.queue(0).poll()).as("after a reset it works").isNotNull();
    }

    private static void step(VirtioDriver driver, long buffers, ByteBuffer in) {
        int queue = in.get() & (QUEUES - 1);
        switch (in.get() & 7) {
            case 0 -> driver.start(driver.offered() & ~(in.getShort() & 0xFFFFL), QUEUE_SIZE);
            case 1 -> driver.writeConfig(in.get() & 63, 1 << (in.get() & 3), in.getShort());
            case 2, 3 -> wildChain(driver, queue, buffers, in);
            default -> {
                int type = TYPES[in.get() & 7];
                int sector = in.get();
                request(driver, queue, buffers, type, sector, (in.getShort() & 0xFF) * 64);
            }
        }
    }

    /** A request that is framed as it should be, with a sector and a length of any kind. */
    private static void request(VirtioDriver driver, int queue, long buffers, int type, long sector, int length) {
        DriverQueue ring = driver.queue(queue);
        if (driver.needsReset() || ring.freeDescriptors() < 3) driver.start(driver.offered(), QUEUE_SIZE);
        driver.memory().putInt(buffers, type);
        driver.memory().putLong(buffers + REQUEST_SECTOR, sector < 0 ? sector << 50 : sector);
        Buffer header = Buffer.readable(buffers, HEADER_SIZE);
        Buffer status = Buffer.writable(buffers + HEADER_SIZE, 1);
        Buffer data = new Buffer(buffers + 512, length, type == T_IN || type == T_GET_ID);
        driver.queue(queue).add(header, data, status);
        driver.notify(queue);
    }

    /** Descriptors of any kind. */
    private static void wildChain(VirtioDriver driver, int queue, long buffers, ByteBuffer in) {
        int index = in.get() & (QUEUE_SIZE - 1);
        int shape = in.get();
        int size = in.get() & 0xFF;
        long gpa = (shape & 0x40) == 0 ? buffers + size : -size;
        driver.queue(queue).descriptor(index, gpa, size, shape & 7, (shape >> 3) & (QUEUE_SIZE - 1));
        if ((shape & 0x80) != 0) driver.queue(queue).offer(index);
        driver.notify(queue);
    }
}
