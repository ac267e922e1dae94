package dev.microvm.bench;

import dev.microvm.backend.disk.BlockBackend;
import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.disk.ImageFormat;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.SplittableRandom;
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
 * Requests at random offsets of a 64 MiB disk whose image is in the page cache. The overlay's
 * blocks are in memory.
 */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class BlockBenchmark {
    private static final long SIZE = 64 << 20; // bytes
    private static final int CHUNK = 1 << 20; // bytes

    /** The back end of the disk. */
    @Param({"raw", "overlay", "qcow2"})
    public String image = "raw";

    /** Size of a request in bytes. */
    @Param({"4096", "65536"})
    public int length;

    private final SplittableRandom random = new SplittableRandom(1);
    private final Arena arena = Arena.ofShared();
    private final MemorySegment memory = arena.allocate(CHUNK, 4096);
    private Path file = Path.of("");
    private final BlockBackend[] disk = new BlockBackend[1]; // set by the setup

    /** Makes the image and writes all of it. */
    @Setup
    public void make() {
        try {
            file = Files.createTempFile("microvm-bench", ".img");
            if (image.equals("qcow2")) {
                Process process = new ProcessBuilder(
                                "qemu-img", "create", "-q", "-f", "qcow2", file.toString(), Long.toString(SIZE))
                        .inheritIO()
                        .start();
                if (process.waitFor() != 0) throw new IllegalStateException("qemu-img failed");
            } else {
                Files.write(file, new byte[(int) SIZE]);
            }
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        } catch (InterruptedException e) {
            throw new IllegalStateException(e);
        }
        DiskImage described = DiskImage.of(file, image.equals("qcow2") ? ImageFormat.QCOW2 : ImageFormat.RAW);
        disk[0] = image.equals("overlay") ? described.overlay().open() : described.open();
        for (long at = 0; at < SIZE; at += CHUNK) disk[0].write(at, memory, 0, CHUNK);
        disk[0].flush();
    }

    /** Closes and removes the image. */
    @TearDown
    public void remove() throws IOException {
        disk[0].close();
        Files.delete(file);
        arena.close();
    }

    /** A read. */
    @Benchmark
    public void read() {
        disk[0].read(place(), memory, 0, length);
    }

    /** A write to allocated blocks. */
    @Benchmark
    public void write() {
        disk[0].write(place(), memory, 0, length);
    }

    private long place() {
        return random.nextLong(SIZE / length) * length;
    }
}
