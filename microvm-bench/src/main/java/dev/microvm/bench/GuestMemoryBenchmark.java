package dev.microvm.bench;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;

/**
 * Access to guest memory of three regions (RAM below and above 4 GiB, firmware), walking through a
 * page.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class GuestMemoryBenchmark {
    private static final long LOW = 0x1000;
    private static final long HIGH = 0x1_0000_0000L;
    private static final long FIRMWARE = 0xffff_0000L;
    private static final long SIZE = 1 << 20;
    private static final int FIRMWARE_SIZE = 1 << 16;

    private final Arena arena = Arena.ofShared();
    private final GuestMemory memory = new GuestMemory(
            List.of(region(0, SIZE, false), region(HIGH, SIZE, false), region(FIRMWARE, FIRMWARE_SIZE, true)));
    private MemorySegment plain = MemorySegment.NULL;
    private long offset;

    private GuestMemoryRegion region(long base, long size, boolean readOnly) {
        return new GuestMemoryRegion(base, arena.allocate(size, GuestMemoryRegion.PAGE_SIZE), readOnly);
    }

    /** Takes a segment to compare with. */
    @Setup
    public void open() {
        plain = memory.slice(LOW, GuestMemoryRegion.PAGE_SIZE);
    }

    /** Frees the memory. */
    @TearDown
    public void close() {
        arena.close();
    }

    /** A word of the segment itself, as the lower limit. */
    @Benchmark
    public int getIntOfSegment() {
        return plain.get(ValueLayout.JAVA_INT_UNALIGNED, next());
    }

    /** A word of the first region. */
    @Benchmark
    public int getIntLow() {
        return memory.getInt(LOW + next());
    }

    /** A word of the last region. */
    @Benchmark
    public int getIntHigh() {
        return memory.getInt(HIGH + next());
    }

    /** A word into the first region. */
    @Benchmark
    public void putIntLow() {
        memory.putInt(LOW + next(), (int) offset);
    }

    /** A slice of the first region. */
    @Benchmark
    public MemorySegment slice() {
        return memory.slice(LOW + next(), 512);
    }

    private long next() {
        offset = (offset + 4) & 0xffc;
        return offset;
    }
}
