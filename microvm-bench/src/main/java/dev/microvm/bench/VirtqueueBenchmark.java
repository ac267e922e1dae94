package dev.microvm.bench;

import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.event.JavaEventLoop;
import dev.microvm.irq.IrqLine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import java.lang.foreign.Arena;
import java.util.List;
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

/** A request's way through a virtqueue, without what a device does with it: made available, taken, completed, notified. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class VirtqueueBenchmark {
    // Registers and status bits: VIRTIO 1.2, 4.2.2 and 2.1
    private static final int DRIVER_FEATURES = 0x20;
    private static final int DRIVER_FEATURES_SEL = 0x24;
    private static final int QUEUE_NUM = 0x38;
    private static final int QUEUE_READY = 0x44;
    private static final int STATUS = 0x70;
    private static final int QUEUE_DESC = 0x80;
    private static final int QUEUE_DRIVER = 0x90;
    private static final int QUEUE_DEVICE = 0xa0;
    private static final int FEATURES_OK_STATUS = 11;
    private static final int DRIVER_OK_STATUS = 15;
    private static final int EVENT_IDX_AND_INDIRECT = 3 << 28;
    private static final int VERSION_1_HIGH = 1;

    private static final int SIZE = 256;
    private static final long DESCRIPTORS = 0x1000;
    private static final long AVAILABLE = 0x3000;
    private static final long USED = 0x4000;
    private static final long TABLE = 0x6000;
    private static final long BUFFERS = 0x10000;
    private static final int NEXT = 1;
    private static final int WRITE = 2;
    private static final int INDIRECT = 4;

    /** Buffers of a request; all but the last are read by the device. */
    @Param({"1", "3"})
    public int buffers;

    /** Whether its descriptors are in a table of their own. */
    @Param({"false", "true"})
    public boolean indirect;

    private final Arena arena = Arena.ofShared();
    private final GuestMemory memory =
            new GuestMemory(List.of(new GuestMemoryRegion(0, arena.allocate(1 << 20, 4096), false)));
    private final JavaEventLoop loop = new JavaEventLoop("bench-io");
    private final VirtioMmio mmio =
            new VirtioMmio(VirtioMmio.Version.MODERN, Sink::new, memory, loop, IrqLine.UNCONNECTED);
    private final Virtqueue queue = ((Sink) mmio.device()).queue;
    private int available;

    /** Starts the device; every request will be the same. */
    @Setup
    public void start() {
        write(STATUS, 0);
        write(DRIVER_FEATURES, EVENT_IDX_AND_INDIRECT);
        write(DRIVER_FEATURES_SEL, 1);
        write(DRIVER_FEATURES, VERSION_1_HIGH);
        write(STATUS, FEATURES_OK_STATUS);
        write(QUEUE_NUM, SIZE);
        write(QUEUE_DESC, (int) DESCRIPTORS);
        write(QUEUE_DRIVER, (int) AVAILABLE);
        write(QUEUE_DEVICE, (int) USED);
        write(QUEUE_READY, 1);
        write(STATUS, DRIVER_OK_STATUS);
        long table = indirect ? TABLE : DESCRIPTORS;
        for (int i = 0; i < buffers; i++) {
            boolean last = i == buffers - 1;
            descriptor(table + 16L * i, BUFFERS + 4096L * i, 512, last ? WRITE : NEXT, last ? 0 : i + 1);
        }
        if (indirect) descriptor(DESCRIPTORS, TABLE, 16 * buffers, INDIRECT, 0);
    }

    private void write(int register, int value) {
        mmio.write(register, Integer.BYTES, Integer.toUnsignedLong(value));
    }

    private void descriptor(long at, long gpa, int length, int flags, int next) {
        memory.putLong(at, gpa);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, flags);
        memory.putShort(at + 14, next);
    }

    /** Frees the machine. */
    @TearDown
    public void stop() {
        loop.close();
        arena.close();
    }

    /** One request. */
    @Benchmark
    public long request() {
        memory.putShortRelease(AVAILABLE + 2, ++available); // each entry of the ring is head 0
        DescriptorChain chain = Objects.requireNonNull(queue.pop());
        long length = chain.readable().length() + chain.writable().length();
        queue.complete(chain, 1);
        queue.notifyDriver();
        return length;
    }

    /** Does nothing by itself. */
    private static final class Sink implements VirtioDevice {
        private final Virtqueue queue;

        Sink(VirtioTransport transport) {
            queue = transport.addQueue(SIZE);
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
