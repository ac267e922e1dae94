package dev.microvm.backend.net;

import static dev.microvm.backend.net.testing.TestServers.data;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.backend.net.testing.Cable;
import dev.microvm.backend.net.testing.NetNamespace;
import dev.microvm.backend.net.testing.Passt;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.error.MicroVmException;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.file.Path;
import java.util.Set;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(120)
final class StreamBackendTest {
    private final MemorySegment memory = Arena.ofAuto().allocate(VnetHeader.MAX_FRAME);
    private final Semaphore ready = new Semaphore(0);

    @SuppressWarnings("NullAway.Init") // set by connect
    private ServerSocket server;

    @SuppressWarnings("NullAway.Init")
    private Socket peer;

    @SuppressWarnings("NullAway.Init")
    private StreamBackend stream;

    @BeforeEach
    void connect() throws IOException {
        server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
        stream = StreamBackend.tcp(new InetSocketAddress(server.getInetAddress(), server.getLocalPort()));
        stream.start("test", ready::release);
        peer = server.accept();
    }

    @AfterEach
    void close() throws IOException {
        stream.close();
        peer.close();
        server.close();
    }

    @Test
    void putsItsLengthBeforeAFrame() throws IOException {
        byte[] frame = data(100, 1);

        assertThat(send(frame)).isTrue();

        DataInputStream in = new DataInputStream(peer.getInputStream());
        assertThat(in.readInt()).isEqualTo(100);
        assertThat(in.readNBytes(100)).isEqualTo(frame);
    }

    @Test
    void givesFrames_howeverTheStreamIsCut() throws IOException, InterruptedException {
        byte[] first = data(60, 1);
        byte[] second = data(65_000, 2);
        assertThat(stream.receive(memory, 0, VnetHeader.MAX_FRAME)).isEqualTo(NetBackend.NO_FRAME);
        DataOutputStream out = new DataOutputStream(peer.getOutputStream());
        out.writeInt(60);
        out.write(first);
        out.writeInt(0);
        out.writeInt(65_000);
        out.write(second, 0, 30_000);
        out.flush();

        assertThat(receive()).isEqualTo(first);
        assertThat(stream.receive(memory, 0, VnetHeader.MAX_FRAME)).isEqualTo(NetBackend.NO_FRAME);
        out.write(second, 30_000, 35_000);
        assertThat(receive()).isEqualTo(second);
    }

    @Test
    void refusesFrames_whileThePeerDoesNotRead_andSaysWhenItDoes() throws IOException, InterruptedException {
        byte[] frame = data(10_000, 3);
        int taken = 0;
        while (send(frame)) taken++;
        ready.drainPermits();
        assertThat(send(frame)).isFalse();

        DataInputStream in = new DataInputStream(peer.getInputStream());
        for (int i = 0; i < taken; i++) {
            assertThat(in.readInt()).isEqualTo(10_000);
            in.skipNBytes(10_000);
        }
        assertThat(ready.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
        assertThat(send(frame)).isTrue();
    }

    @Test
    void carriesNothing_afterALengthThatIsNone() throws IOException, InterruptedException {
        assertThat(stream.receive(memory, 0, VnetHeader.MAX_FRAME)).isEqualTo(NetBackend.NO_FRAME);
        new DataOutputStream(peer.getOutputStream()).writeInt(-1);
        assertThat(ready.tryAcquire(60, TimeUnit.SECONDS)).isTrue();

        assertThat(stream.receive(memory, 0, VnetHeader.MAX_FRAME)).isEqualTo(NetBackend.NO_FRAME);
        assertThat(send(data(60, 1))).isTrue();
    }

    @Test
    void saysWhatIsMissing_whenNobodyListens(@TempDir Path folder) {
        assertThatThrownBy(() -> StreamBackend.unix(folder.resolve("none")).start("test", () -> {}))
                .isInstanceOf(MicroVmException.class)
                .hasMessageContaining("none")
                .hasMessageContaining("passt");
    }

    @Test
    void carriesADownload_throughPasst(@TempDir Path folder) throws Exception {
        byte[] content = data(20_000_000, 4);
        TapBackend tap = new TapBackend("mvtpasst");
        try (TestServers.Tcp web = TestServers.Tcp.http(content);
                NetNamespace guest = new NetNamespace();
                Passt passt = new Passt(folder);
                StreamBackend network = passt.network();
                tap;
                Cable cable = new Cable(tap, new HeaderlessToVnet(network), Set.of(), 0, 0)) {
            guest.take("mvtpasst");
            guest.run("ip addr add %s/24 dev eth0; ip route add default via %s".formatted(Passt.GUEST, Passt.ROUTER));
            assertThat(guest.run("wget -q -O - http://%s:%d/ | sha256sum".formatted(Passt.ROUTER, web.port())))
                    .as("by way of %s", cable)
                    .startsWith(TestServers.sha256(content));
        }
    }

    private boolean send(byte[] frame) {
        MemorySegment.copy(frame, 0, memory, JAVA_BYTE, 0, frame.length);
        return stream.send(memory, 0, frame.length);
    }

    private byte[] receive() throws InterruptedException {
        int length = stream.receive(memory, 0, VnetHeader.MAX_FRAME);
        while (length == NetBackend.NO_FRAME) {
            assertThat(ready.tryAcquire(60, TimeUnit.SECONDS)).isTrue();
            length = stream.receive(memory, 0, VnetHeader.MAX_FRAME);
        }
        return memory.asSlice(0, length).toArray(JAVA_BYTE);
    }
}
