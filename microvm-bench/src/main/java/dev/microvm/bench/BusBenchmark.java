package dev.microvm.bench;

import dev.microvm.bus.Bus;
import dev.microvm.bus.BusDevice;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;

/**
 * A bus access: the lookup and the call of the device. Successive accesses go to successive
 * devices, of three kinds.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class BusBenchmark {
    private static final long BASE = 0xfeb0_0000L;
    private static final int STRIDE = 512;

    /** Number of devices on the bus. */
    @Param({"1", "8", "24"})
    public int devices;

    private final Bus bus = new Bus("bench");
    private int next;

    /** Fills the bus. */
    @Setup
    public void fill() {
        for (int i = 0; i < devices; i++) {
            BusDevice device = switch (i % 3) {
                case 0 -> new CountingDevice();
                case 1 -> new Latch();
                default -> new Constant();
            };
            bus.add(BASE + (long) i * STRIDE, STRIDE, "device " + i, device);
        }
    }

    /** A read of 4 bytes. */
    @Benchmark
    public long read() {
        return bus.read(nextAddress(), 4);
    }

    /** A write of 4 bytes. */
    @Benchmark
    public void write() {
        bus.write(nextAddress(), 4, next);
    }

    /** A read at an address without a device. */
    @Benchmark
    public long readNobody() {
        return bus.read(BASE - 8, 4);
    }

    private long nextAddress() {
        next = next + 1 < devices ? next + 1 : 0;
        return BASE + (long) next * STRIDE + 0x50;
    }

    private static final class Latch implements BusDevice {
        private long value;

        @Override
        public long read(long offset, int size) {
            return value;
        }

        @Override
        public void write(long offset, int size, long written) {
            value = written;
        }
    }

    private static final class Constant implements BusDevice {
        @Override
        public long read(long offset, int size) {
            return offset;
        }

        @Override
        public void write(long offset, int size, long value) {}
    }
}
