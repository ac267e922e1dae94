package dev.microvm.bench;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.devices.virtio.blk.VirtioBlk;
import java.lang.foreign.MemorySegment;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * A read request in the block device, from the available to the used ring. The disk itself does
 * nothing.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class VirtioBlkBenchmark {
    private static final int QUEUE = 0;
    private static final long TABLE = BenchDriver.BUFFERS;
    private static final int TABLE_BYTES = 3 * 16;
    private static final long HEADER = TABLE + 4096; // zeroes: VIRTIO_BLK_T_IN of sector 0, VIRTIO 1.2, 5.2.6
    private static final int HEADER_BYTES = 16;
    private static final long DATA = HEADER + 4096;
    private static final int DATA_BYTES = 4096;
    private static final long STATUS = DATA + DATA_BYTES;

    /** Number of requests that are made available at once. */
    @Param({"1", "16"})
    public int batch;

    /**
     * Whether the queue has its own thread, as in machines; the time then includes two hand-overs.
     */
    @Param({"false", "true"})
    public boolean thread;

    private final BenchDriver[] driver = new BenchDriver[1]; // set when the parameters are known

    /** Starts the device. */
    @Setup
    public void start() {
        BenchDriver made = new BenchDriver(
                transport -> new VirtioBlk(
                        transport,
                        new NoDisk(),
                        "",
                        1,
                        thread ? Thread.ofPlatform().factory() : null),
                0);
        made.requests(QUEUE, TABLE, 0, TABLE_BYTES, BenchDriver.INDIRECT);
        made.tableEntry(TABLE, 0, HEADER, HEADER_BYTES, BenchDriver.NEXT, 1);
        made.tableEntry(TABLE, 1, DATA, DATA_BYTES, BenchDriver.NEXT | BenchDriver.WRITE, 2);
        made.tableEntry(TABLE, 2, STATUS, 1, BenchDriver.WRITE, 0);
        driver[0] = made;
    }

    /** Frees the device. */
    @TearDown
    public void stop() {
        driver[0].close();
    }

    /** As many reads as the parameter says. */
    @Benchmark
    public void read() {
        BenchDriver to = driver[0];
        for (int i = 0; i < batch; i++) to.makeAvailable(QUEUE);
        if (thread) {
            to.notifyDevice(QUEUE);
            while (!to.isDone(QUEUE)) Thread.onSpinWait();
        } else {
            to.device().queueNotified(QUEUE);
        }
    }

    /** A disk that does not write to memory. */
    private static final class NoDisk implements BlockBackend {
        @Override
        public long size() {
            return 1 << 30;
        }

        @Override
        public boolean readOnly() {
            return true;
        }

        @Override
        public int discardUnit() {
            return SECTOR_SIZE;
        }

        @Override
        public void read(long position, MemorySegment to, long offset, long length) {}

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
}
