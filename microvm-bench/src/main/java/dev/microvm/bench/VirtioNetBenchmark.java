package dev.microvm.bench;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;

import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.VnetHeader;
import dev.microvm.devices.virtio.net.VirtioNet;
import java.lang.foreign.MemorySegment;
import java.util.Set;
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

/** A frame in the network device. The network itself only copies frames for the guest. */
@State(Scope.Thread)
@BenchmarkMode(Mode.AverageTime)
@OutputTimeUnit(TimeUnit.NANOSECONDS)
public class VirtioNetBenchmark {
    private static final int RECEIVE = 0; // queues: VIRTIO 1.2, 5.1.2
    private static final int TRANSMIT = 1;
    private static final int MERGEABLE_BUFFERS = 1 << 15; // VIRTIO_NET_F_MRG_RXBUF: 5.1.3
    private static final long OUT = BenchDriver.BUFFERS;
    private static final long IN = OUT + 0x20000;
    private static final int IN_BYTES = 2048; // of a buffer

    /** Size of a frame in bytes, with its Ethernet header. */
    @Param({"64", "1514", "65226"})
    public int length;

    private final NoNetwork network = new NoNetwork();
    private final BenchDriver driver = new BenchDriver(
            transport -> new VirtioNet(transport, network, "bench", MacAddress.of("bench", 0)), MERGEABLE_BUFFERS);

    /** Prepares the device; all frames are equal. */
    @Setup
    public void describe() {
        network.length = VnetHeader.SIZE + length;
        driver.requests(TRANSMIT, OUT, 0, network.length, 0);
        driver.requests(RECEIVE, IN, IN_BYTES, IN_BYTES, BenchDriver.WRITE);
    }

    /** Frees the device. */
    @TearDown
    public void stop() {
        driver.close();
    }

    /** A frame from the guest. */
    @Benchmark
    public void transmit() {
        driver.makeAvailable(TRANSMIT);
        driver.device().queueNotified(TRANSMIT);
    }

    /** A frame for the guest, in as many buffers as it needs. */
    @Benchmark
    public void receive() {
        for (int room = 0; room < network.length; room += IN_BYTES) driver.makeAvailable(RECEIVE);
        network.frames = 1;
        driver.device().queueNotified(RECEIVE);
    }

    /** A network that drops every frame and supplies equal frames. */
    private static final class NoNetwork implements NetBackend {
        private int length; // of a frame, with its header
        private int frames; // that wait

        @Override
        public void start(String name, Runnable ready) {}

        @Override
        public boolean send(MemorySegment segment, long offset, long sent) {
            return true;
        }

        @Override
        public int receive(MemorySegment segment, long offset, int capacity) {
            if (frames == 0) return NO_FRAME;
            frames--;
            segment.set(JAVA_INT_UNALIGNED, offset + VnetHeader.SIZE, -1); // to everybody
            segment.set(JAVA_INT_UNALIGNED, offset + VnetHeader.SIZE + Short.BYTES, -1);
            return length;
        }

        @Override
        public boolean vnetHeader() {
            return true;
        }

        @Override
        public Set<NetOffload> offloads() {
            return Set.of();
        }

        @Override
        public void guestOffloads(Set<NetOffload> accepted) {}

        @Override
        public int mtu() {
            return 65_535;
        }

        @Override
        public void close() {}
    }
}
