package dev.microvm.devices.virtio.blk;

import static dev.microvm.devices.virtio.blk.BlkProtocol.*;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.disk.RequestCancelledException;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.VirtioMmioRegisters;
import dev.microvm.devices.virtio.VirtioStatus;
import dev.microvm.devices.virtio.testing.DriverQueue;
import dev.microvm.devices.virtio.testing.DriverQueue.Buffer;
import dev.microvm.devices.virtio.testing.HundredPauses;
import dev.microvm.devices.virtio.testing.VirtioDriver;
import dev.microvm.state.DeviceState;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Requests that threads of the device serve. */
@Timeout(value = 60, unit = TimeUnit.SECONDS)
final class VirtioBlkThreadsTest {
    private static final int SIZE = 4 << 20; // bytes
    private static final int QUEUES = 4;

    @TempDir
    private Path directory;

    private static Thread thread(Runnable task) {
        Thread thread = new Thread(task, "blk-test");
        thread.setDaemon(true);
        return thread;
    }

    private static byte[] header(int type, long sector) {
        return ByteBuffer.allocate(HEADER_SIZE)
                .order(ByteOrder.LITTLE_ENDIAN)
                .putInt(type)
                .putInt(0)
                .putLong(sector)
                .array();
    }

    private static void awaitWaiting(Thread thread) {
        while (thread.getState() != Thread.State.WAITING && thread.getState() != Thread.State.TIMED_WAITING) {
            Thread.onSpinWait();
        }
    }

    /** Runs the loop until a queue gives something back. */
    private static DriverQueue.Used await(VirtioDriver driver, int queue) {
        while (true) {
            driver.loop().run();
            DriverQueue.Used used = driver.queue(queue).poll();
            if (used != null) return used;
            Thread.onSpinWait();
        }
    }

    @Test
    void servesManyRequests_ofSeveralQueues() throws IOException {
        byte[] content = new byte[SIZE];
        new Random(1).nextBytes(content);
        Path path = Files.write(directory.resolve("image"), content);
        VirtioDriver driver = new VirtioDriver(transport ->
                        new VirtioBlk(transport, DiskImage.raw(path).open(), "", QUEUES, VirtioBlkThreadsTest::thread))
                .start();
        List<List<Buffer>> buffers = new ArrayList<>();
        for (int queue = 0; queue < QUEUES; queue++) {
            buffers.add(new ArrayList<>());
            for (int i = 0; i < 50; i++) {
                Buffer data = driver.writable(4096);
                buffers.get(queue).add(data);
                driver.queue(queue).add(driver.readable(header(T_IN, place(queue, i))), data, driver.writable(1));
            }
        }

        for (int queue = 0; queue < QUEUES; queue++) driver.notify(queue);
        for (int queue = 0; queue < QUEUES; queue++) {
            for (int i = 0; i < 50; i++) {
                assertThat(await(driver, queue).written()).isEqualTo(4097);
            }
        }

        for (int queue = 0; queue < QUEUES; queue++) {
            for (int i = 0; i < 50; i++) {
                int at = (int) place(queue, i) * 512;
                assertThat(driver.content(buffers.get(queue).get(i)))
                        .isEqualTo(Arrays.copyOfRange(content, at, at + 4096));
            }
        }
        driver.mmio().close();
    }

    private static long place(int queue, int i) {
        return (queue * 50L + i) * 8;
    }

    /** A disk whose reads wait until they are let go. */
    private static final class SlowDisk {
        private final CountDownLatch begun = new CountDownLatch(1);
        private final CountDownLatch go = new CountDownLatch(1);
        private final MemoryDisk disk = new MemoryDisk(4096);

        BlockBackend backend() {
            return new BlockBackend() {
                @Override
                public long size() {
                    return disk.size();
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
                    begun.countDown();
                    boolean interrupted = false;
                    while (true) {
                        try {
                            go.await();
                            break;
                        } catch (InterruptedException e) {
                            interrupted = true;
                        }
                    }
                    if (interrupted) Thread.currentThread().interrupt();
                    disk.read(position, to, offset, length);
                }

                @Override
                public void write(long position, MemorySegment from, long offset, long length) {
                    disk.write(position, from, offset, length);
                }

                @Override
                public void flush() {}

                @Override
                public void discard(long position, long length) {}

                @Override
                public void writeZeroes(long position, long length, boolean mayUnmap) {}

                @Override
                public void close() {
                    disk.close();
                }
            };
        }
    }

    @Test
    void waitsForWhatIsInFlight_whenItIsReset() throws InterruptedException {
        SlowDisk slow = new SlowDisk();
        slow.disk.content[0] = 5;
        VirtioDriver driver = new VirtioDriver(
                        transport -> new VirtioBlk(transport, slow.backend(), "", 1, VirtioBlkThreadsTest::thread))
                .start();
        Buffer data = driver.writable(512);
        Buffer status = driver.writable(1);
        driver.queue(0).add(driver.readable(header(T_IN, 0)), data, status);
        driver.queue(0).add(driver.readable(header(T_OUT, 1)), driver.readable(new byte[512]), driver.writable(1));
        driver.notify(0);
        slow.begun.await();

        Thread reset = thread(() -> driver.mmio().reset());
        reset.start();
        awaitWaiting(reset);
        slow.go.countDown();
        reset.join();

        assertThat(driver.content(data)[0]).as("read before the reset was over").isEqualTo((byte) 5);
        assertThat(driver.content(status)).as("not completed").containsExactly(0);
        assertThat(slow.disk.calls).as("the second was not begun").containsExactly("read 0 512");
        driver.start();
        driver.queue(0).add(driver.readable(header(T_FLUSH, 0)), status);
        driver.notify(0);
        assertThat(await(driver, 0).written()).isEqualTo(1);
        driver.mmio().close();
        assertThat(slow.disk.closed).isTrue();
    }

    /** A disk of the host that is gone: VIRTIO 1.2, 2.4.2. */
    @Test
    void resetsLater_whenTheHostDoesNotAnswer() throws InterruptedException {
        SlowDisk slow = new SlowDisk();
        VirtioDriver driver = driver(slow.backend());
        Buffer status = driver.writable(1);
        driver.queue(0).add(driver.readable(header(T_IN, 0)), driver.writable(512), status);
        driver.notify(0);
        slow.begun.await();

        driver.mmio().reset();

        assertThat(driver.status()).isEqualTo(VirtioStatus.DEVICE_NEEDS_RESET);
        driver.write(VirtioMmioRegisters.STATUS, VirtioStatus.ACKNOWLEDGE);
        assertThat(driver.status()).as("nothing can be done").isEqualTo(VirtioStatus.DEVICE_NEEDS_RESET);
        slow.go.countDown();
        while (driver.status() != 0) Thread.onSpinWait();
        driver.loop().run();
        assertThat(driver.content(status)).as("not completed").containsExactly(0);
        driver.start();
        driver.queue(0).add(driver.readable(header(T_FLUSH, 0)), driver.writable(1));
        driver.notify(0);
        assertThat(await(driver, 0).written()).isEqualTo(1);
        driver.mmio().close();
    }

    @Test
    void closesTheDisk_whenTheHostAnswersAfterAll() throws InterruptedException {
        SlowDisk slow = new SlowDisk();
        VirtioDriver driver = driver(slow.backend());
        driver.queue(0).add(driver.readable(header(T_IN, 0)), driver.writable(512), driver.writable(1));
        driver.notify(0);
        slow.begun.await();

        driver.mmio().close();

        assertThat(slow.disk.closed).isFalse();
        slow.go.countDown();
        while (!slow.disk.closed) Thread.onSpinWait();
    }

    /** Requests that never end by themselves. */
    private static final class SearchingDisk extends CountingDisk {
        private BooleanSupplier cancelled = () -> false;
        private volatile boolean closed;

        @Override
        public void cancelledBy(BooleanSupplier supplier) {
            cancelled = supplier;
        }

        @Override
        public void flush() {
            reads.incrementAndGet();
            while (!cancelled.getAsBoolean()) Thread.onSpinWait();
            throw new RequestCancelledException();
        }

        @Override
        public void close() {
            closed = true;
        }
    }

    @Test
    void cancelsARequestOfTheDisk_toPauseResetAndClose() {
        SearchingDisk disk = new SearchingDisk();
        VirtioDriver driver = driver(disk);
        Buffer status = driver.writable(1);
        driver.queue(0).add(driver.readable(header(T_FLUSH, 0)), status);
        driver.notify(0);
        awaitReads(disk, 1);

        driver.mmio().pause();
        driver.mmio().resume();
        awaitReads(disk, 2); // again, from its start
        driver.mmio().reset();

        assertThat(driver.status()).isZero();
        driver.start();
        driver.queue(0).add(driver.readable(header(T_FLUSH, 0)), status);
        driver.notify(0);
        awaitReads(disk, 3);
        driver.mmio().close();
        assertThat(disk.closed).isTrue();
    }

    private static void awaitReads(CountingDisk disk, long reads) {
        while (disk.reads.get() < reads) Thread.onSpinWait();
    }

    @Test
    void answersWithAnError_whenTheDiskFailsWithAnError() {
        CountingDisk disk = new CountingDisk() {
            @Override
            public void flush() {
                throw new InternalError("a page of a mapped file is gone");
            }
        };
        VirtioDriver driver = driver(disk);
        Buffer status = driver.writable(1);
        driver.queue(0).add(driver.readable(header(T_FLUSH, 0)), status);
        driver.notify(0);

        await(driver, 0);

        assertThat(driver.content(status)).containsExactly(S_IOERR);
        driver.mmio().close();
    }

    // ---- pause

    private static VirtioDriver driver(BlockBackend disk) {
        return new VirtioDriver(transport -> new VirtioBlk(transport, disk, "", 1, VirtioBlkThreadsTest::thread))
                .start();
    }

    @Test
    void completesWhatIsInFlight_whenItIsPaused() throws InterruptedException {
        SlowDisk slow = new SlowDisk();
        slow.disk.content[0] = 5;
        VirtioDriver driver = driver(slow.backend());
        Buffer data = driver.writable(512);
        driver.queue(0).add(driver.readable(header(T_IN, 0)), data, driver.writable(1));
        driver.notify(0);
        slow.begun.await();

        Thread pause = thread(() -> driver.mmio().pause());
        pause.start();
        awaitWaiting(pause);
        slow.go.countDown();
        pause.join();

        assertThat(driver.queue(0).take().written()).isEqualTo(513);
        assertThat(driver.content(data)[0]).isEqualTo((byte) 5);
        assertThat(driver.irq().takeRisingEdges()).isEqualTo(1);
        driver.mmio().resume();
        driver.loop().run();
        assertThat(driver.queue(0).poll()).as("once").isNull();
        driver.mmio().close();
    }

    @Test
    void servesAfterThePause_whatCameDuringIt() {
        MemoryDisk disk = new MemoryDisk(4096);
        VirtioDriver driver = driver(disk);
        driver.mmio().pause();

        driver.queue(0).add(driver.readable(header(T_FLUSH, 0)), driver.writable(1));
        driver.notify(0);
        assertThat(disk.calls).isEmpty();

        driver.mmio().resume();
        assertThat(await(driver, 0).written()).isEqualTo(1);
        assertThat(disk.calls).containsExactly("flush");
        driver.mmio().close();
    }

    /**
     * Days of work: 64 requests of almost 4 GiB each, all of them into the same 8 MiB of the
     * guest's.
     */
    private static void addHostileRequests(VirtioDriver driver) {
        Buffer data = driver.writable(8 << 20);
        Buffer head = driver.readable(header(T_IN, 0));
        Buffer status = driver.writable(1);
        Buffer[] buffers = new Buffer[254];
        Arrays.fill(buffers, data);
        buffers[0] = head;
        buffers[253] = status;
        for (int i = 0; i < 64; i++) {
            driver.queue(0).addIndirect(driver.allocate(DriverQueue.descriptorBytes(buffers.length)), buffers);
        }
    }

    private static class EndlessDisk extends CountingDisk {
        @Override
        public long size() {
            return 1L << 40;
        }
    }

    /** Counts reads, which do nothing. */
    private static class CountingDisk implements BlockBackend {
        final AtomicLong reads = new AtomicLong();

        @Override
        public long size() {
            return SIZE;
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
            reads.incrementAndGet();
            to.asSlice(offset, length).fill((byte) reads.get());
        }

        @Override
        public void write(long position, MemorySegment from, long offset, long length) {}

        @Override
        public void flush() {}

        @Override
        public void discard(long position, long length) {}

        @Override
        public void writeZeroes(long position, long length, boolean mayUnmap) {}

        @Override
        public void close() {}
    }

    @Test
    void standsStill_inTheMiddleOfRequestsThatTakeForever() {
        EndlessDisk disk = new EndlessDisk();
        VirtioDriver driver = driver(disk);
        addHostileRequests(driver);
        driver.notify(0);

        driver.mmio().pause();

        long reads = disk.reads.get();
        for (int i = 0; i < 100_000; i++) Thread.onSpinWait();
        assertThat(disk.reads).as("reads of a paused disk").hasValue(reads);
        assertThat(driver.queue(0).usedIndex()).isLessThan(64);
        driver.mmio().resume();
        while (disk.reads.get() == reads) Thread.onSpinWait();
        driver.mmio().reset();
        driver.mmio().close();
    }

    @Test
    void standsStill_whereTheLoopServes() throws InterruptedException {
        EndlessDisk disk = new EndlessDisk();
        VirtioDriver driver = new VirtioDriver(transport -> new VirtioBlk(transport, disk, "", 1, null)).start();
        addHostileRequests(driver);
        Thread loop = thread(() -> driver.notify(0));
        loop.start();
        while (disk.reads.get() == 0) Thread.onSpinWait();

        driver.mmio().pause();
        loop.join();

        long reads = disk.reads.get();
        assertThat(driver.queue(0).usedIndex()).isLessThan(64);
        driver.mmio().resume();
        Thread again = thread(() -> driver.loop().run());
        again.start();
        while (disk.reads.get() == reads) Thread.onSpinWait();
        driver.mmio().pause();
        again.join();
        driver.mmio().close();
    }

    /**
     * By the instruction clock a vCPU's thread serves; whoever stops the machine interrupts it. After
     * an interrupt by somebody else the request is done again.
     */
    @Test
    void endsARequest_whereTheLoopServes_whenItsThreadIsInterrupted() {
        EndlessDisk disk = new EndlessDisk() {
            @Override
            public void read(long position, MemorySegment to, long offset, long length) {
                super.read(position, to, offset, length);
                if (reads.get() == 1) Thread.currentThread().interrupt();
            }
        };
        VirtioDriver driver = new VirtioDriver(transport -> new VirtioBlk(transport, disk, "", 1, null)).start();
        driver.queue(0).add(driver.readable(header(T_IN, 0)), driver.writable(8 << 20), driver.writable(1));

        driver.notify(0);

        assertThat(driver.queue(0).take().written()).isEqualTo((8 << 20) + 1);
        assertThat(disk.reads).as("one of the two pieces, then both").hasValue(3);
        assertThat(Thread.interrupted()).isFalse();
        driver.mmio().close();
    }

    @Test
    void keepsRequestsThatItDidNotBegin_overSaveAndRestore() {
        EndlessDisk disk = new EndlessDisk();
        VirtioDriver driver = driver(disk);
        addHostileRequests(driver);
        driver.notify(0);
        driver.mmio().pause();
        int done = driver.queue(0).usedIndex();
        DeviceState state = driver.mmio().save();
        driver.mmio().reset();
        driver.mmio().close();

        VirtioDriver other = new VirtioDriver(
                VirtioMmio.Version.MODERN, transport -> new VirtioBlk(transport, disk, "", 1, null), driver.memory());
        other.mmio().pause();
        other.mmio().restore(state);
        other.loop().run();
        assertThat(driver.queue(0).usedIndex()).as("of a paused device").isEqualTo(done);
        assertThat(other.mmio().save()).isEqualTo(state);
        other.mmio().reset();
        other.mmio().close();
    }

    @Test
    void losesNothing_overAHundredPauses() {
        CountingDisk disk = new CountingDisk();
        VirtioDriver driver = driver(disk);
        Buffer header = driver.readable(header(T_IN, 0));
        Buffer data = driver.writable(512);
        Buffer status = driver.writable(1);
        int[] asked = {0};
        int[] answered = {0};

        HundredPauses.during(driver, () -> {
            if (driver.queue(0).freeDescriptors() > 2) {
                driver.queue(0).add(header, data, status);
                asked[0]++;
            }
            driver.notify(0);
            while (driver.queue(0).poll() != null) answered[0]++; // fails if one is given back twice
        });
        while (answered[0] < asked[0]) {
            await(driver, 0);
            answered[0]++;
        }

        assertThat(disk.reads).hasValue(asked[0]);
        driver.mmio().close();
    }
}
