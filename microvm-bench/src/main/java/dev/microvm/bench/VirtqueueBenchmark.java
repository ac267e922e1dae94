package dev.microvm.bench;

import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.state.DeviceState;
import java.util.Objects;
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
 * A request in a virtqueue, without a device's work: made available, taken, completed, notified.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class VirtqueueBenchmark {
    private static final long TABLE = BenchDriver.BUFFERS;
    private static final long FIRST_BUFFER = TABLE + 4096;

    /** Number of buffers of a request; the device reads all but the last. */
    @Param({"1", "3"})
    public int buffers;

    /** Whether its descriptors are in an indirect table. */
    @Param({"false", "true"})
    public boolean indirect;

    private final BenchDriver driver = new BenchDriver(Sink::new, 0);
    private final Virtqueue queue = ((Sink) driver.device()).queue;

    /** Prepares the queue; all requests are equal. */
    @Setup
    public void describe() {
        for (int i = 0; i < buffers; i++) {
            boolean last = i == buffers - 1;
            long gpa = FIRST_BUFFER + 4096L * i;
            int flags = last ? BenchDriver.WRITE : BenchDriver.NEXT;
            if (indirect) driver.tableEntry(TABLE, i, gpa, 512, flags, i + 1);
            else driver.descriptor(0, i, gpa, 512, flags, i + 1);
        }
        if (indirect) driver.descriptor(0, 0, TABLE, 16 * buffers, BenchDriver.INDIRECT, 0);
    }

    /** Frees the machine. */
    @TearDown
    public void stop() {
        driver.close();
    }

    /** One request. */
    @Benchmark
    public long request() {
        driver.makeAvailable(0);
        DescriptorChain chain = Objects.requireNonNull(queue.pop());
        long length = chain.readable().length() + chain.writable().length();
        queue.complete(chain, 1);
        queue.notifyDriver();
        return length;
    }

    /** A device that does nothing by itself. */
    private static final class Sink implements VirtioDevice {
        private final Virtqueue queue;

        Sink(VirtioTransport transport) {
            queue = transport.addQueue(BenchDriver.SIZE);
        }

        @Override
        public int deviceId() {
            return 1;
        }

        @Override
        public String name() {
            return "virtio-sink";
        }

        @Override
        public void queueNotified(int notified) {}

        @Override
        public void reset() {}

        @Override
        public DeviceState save() {
            return new DeviceState("virtio-sink", 1);
        }

        @Override
        public void restore(DeviceState state) {}
    }
}
