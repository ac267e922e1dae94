package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;

import com.code_intelligence.jazzer.junit.FuzzTest;
import com.sun.management.ThreadMXBean;
import dev.microvm.limits.Budget;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.ServerSocketChannel;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * Hostile guests. Besides what is thrown, time, heap and descriptors are bounded. In {@link
 * #frames} and {@link #segments}, each script is a row of frames: two bytes of length, a byte that
 * says how the frame is made plausible (so that the fuzzer gets past checksums), and its bytes; the
 * policy lets nothing out. In {@link #packets} the guest knows the protocols ({@link PacketScript})
 * and reaches servers of the test.
 */
@Timeout(value = 20, unit = TimeUnit.SECONDS, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
final class UserNetworkFuzzTest {
    private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();
    private static final long MOST_CPU_NANOS = 2_000_000_000; // of one script
    private static final long MOST_HEAP = 256 << 20; // bytes that one script allocates
    private static final int MOST_DESCRIPTORS = 8;

    private final Budget descriptors = new Budget("descriptors of a test", MOST_DESCRIPTORS);

    static Stream<byte[]> samples() {
        return Stream.of(
                new byte[0],
                FrameScript.of(GuestFrames.arpRequest(), GuestFrames.ping(100), GuestFrames.dhcpDiscover()),
                FrameScript.of(
                        GuestFrames.tcp(1000, 80, 1, 0, Headers.Tcp.SYN, new byte[0]),
                        GuestFrames.udp(1000, 53, DnsMessageTest.query("a.b", 1)),
                        GuestFrames.udp(1000, 9, "hello".getBytes(US_ASCII))));
    }

    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void frames(byte[] script) {
        check(UserNetwork.builder().hostNames(true).policy(NetPolicy.NONE), rig -> FrameScript.run(script, rig));
    }

    /** The same with a TCP connection to the guest's port 80, which the frames may answer. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void segments(byte[] script) {
        HostForward forward = HostForward.tcp(0, GuestFrames.PORT);
        check(UserNetwork.builder().hostNames(true).policy(NetPolicy.NONE).forward(forward), rig -> {
            rig.connect(forward);
            FrameScript.run(script, rig);
        });
    }

    static Stream<byte[]> scripts() {
        byte[] everything = new byte[7 * 4 * 8];
        for (int i = 0; i < everything.length; i += 4) {
            everything[i] = (byte) (i / 4);
            everything[i + 1] = 2; // SYN, where it is a segment
        }
        return Stream.of(new byte[0], everything, "hello, network".repeat(20).getBytes(US_ASCII));
    }

    /** A guest that reaches a TCP server, a UDP server and a name server, with few descriptors. */
    @MethodSource("scripts")
    @FuzzTest(maxDuration = "")
    void packets(byte[] script) throws IOException {
        try (ServerSocketChannel server = ServerSocketChannel.open();
                DatagramChannel echo = DatagramChannel.open()) {
            SocketAddress loopback = new InetSocketAddress(InetAddress.getLoopbackAddress(), 0);
            server.bind(loopback);
            echo.bind(loopback).configureBlocking(false);
            InetSocketAddress echoAddress = (InetSocketAddress) echo.getLocalAddress();
            int tcpPort = server.socket().getLocalPort();
            UserNetworkBuilder builder = UserNetwork.builder()
                    .nameServer(echoAddress)
                    .policy(flow -> List.of(tcpPort, echoAddress.getPort(), NetPolicy.DNS_PORT)
                            .contains(flow.target().getPort()));
            check(builder, rig -> new PacketScript(rig, tcpPort, echoAddress.getPort())
                    .run(script, () -> echoAll(echo)));
        }
    }

    /** A question for a name, however it is made. */
    @MethodSource("samples")
    @FuzzTest(maxDuration = "")
    void questions(byte[] message) {
        DnsMessage question = DnsMessage.parse(message);
        if (question == null) return;
        byte[] answer = question.answer(DnsMessage.NO_ERROR, List.of(1, 2, 3));
        assertThat(answer).hasSizeLessThanOrEqualTo(message.length + 3 * 16);
    }

    private interface Script {
        void run(StackRig rig);
    }

    /** Runs a script and checks what it used; twice if it was much, because classes may be loaded. */
    private void check(UserNetworkBuilder builder, Script script) {
        Use use = run(builder, script);
        if (use.isTooMuch()) use = run(builder, script);
        assertThat(use).matches(each -> !each.isTooMuch(), "uses little");
    }

    private Use run(UserNetworkBuilder builder, Script script) {
        long cpu = THREADS.getCurrentThreadCpuTime();
        long heap = THREADS.getCurrentThreadAllocatedBytes();
        try (StackRig rig = new StackRig(builder, descriptors)) {
            script.run(rig);
            assertThat(rig.failures()).isEmpty();
            assertThat(descriptors.used()).isBetween(0L, (long) MOST_DESCRIPTORS);
        }
        assertThat(descriptors.used()).isZero();
        return new Use(
                THREADS.getCurrentThreadCpuTime() - cpu, THREADS.getCurrentThreadAllocatedBytes() - heap);
    }

    /** What a script took: time of a CPU, and heap that was allocated, live or not. */
    private record Use(long cpuNanos, long heapBytes) {
        private boolean isTooMuch() {
            return cpuNanos > MOST_CPU_NANOS || heapBytes > MOST_HEAP;
        }
    }

    /** Sends back what came, as a server that the guest's user also controls may. */
    private static void echoAll(DatagramChannel echo) {
        ByteBuffer datagram = ByteBuffer.allocate(2048);
        try {
            for (SocketAddress from = echo.receive(datagram); from != null; from = echo.receive(datagram.clear())) {
                echo.send(datagram.flip(), from);
            }
        } catch (IOException e) {
            throw new AssertionError(e);
        }
    }
}
