package dev.microvm.bench;

import static java.util.Objects.requireNonNull;

import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OperationsPerInvocation;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/** The round trip of an exit: guest, KVM, our path to a device, and back. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class KvmExitBenchmark {
    private static final int TURNS = 256;
    private static final int ACCESSES = TURNS * Access.PER_TURN;

    /** What the guest does. */
    @Param({"PORT_WRITE", "PORT_READ", "MMIO_WRITE", "MMIO_READ"})
    public @Nullable Access access;

    private @Nullable BenchMachine machine;

    /** Makes the machine. */
    @Setup(Level.Trial)
    public void open() {
        CountingDevice device = new CountingDevice();
        BenchMachine made = new BenchMachine(BenchMachine.kvm(), Guests.program("exits"));
        made.buses().ports().add(BenchMachine.DEVICE_PORT, 1, "counter", device);
        made.buses().mmio().add(BenchMachine.DEVICE_MMIO, 0x1000, "counter", device);
        machine = made;
    }

    /** Closes the machine. */
    @TearDown(Level.Trial)
    public void close() {
        requireNonNull(machine).close();
    }

    /** Many exits, so that the start and the end of the run do not count. */
    @Benchmark
    @OperationsPerInvocation(ACCESSES)
    public void exit() {
        BenchMachine m = requireNonNull(machine);
        m.start(requireNonNull(access).number, TURNS);
        m.runToEnd();
    }
}
