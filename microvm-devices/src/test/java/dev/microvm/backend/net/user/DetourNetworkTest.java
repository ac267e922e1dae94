package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.testing.Cable;
import dev.microvm.backend.net.testing.NetNamespace;
import dev.microvm.backend.net.testing.TestServers;
import java.io.IOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** A served address before a user network, for Linux's own TCP/IP in a network namespace. */
@Timeout(120)
final class DetourNetworkTest {
    private static final Set<NetOffload> OFFLOADS = EnumSet.of(NetOffload.CHECKSUM, NetOffload.TSO4);
    private static final byte[] CONTENT = TestServers.data(1024 * 1024, 1);

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    /** Answers each connection by the content, as HTTP. */
    private ServerSocketChannel serve() throws IOException {
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        server.bind(UnixDomainSocketAddress.of(folder.resolve("s")));
        Thread.ofVirtual().start(() -> {
            try {
                while (true) answer(server.accept());
            } catch (IOException e) {
                // closed by the test
            }
        });
        return server;
    }

    private static void answer(SocketChannel client) throws IOException {
        try (client) {
            client.read(ByteBuffer.allocate(4096));
            client.write(ByteBuffer.wrap("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n"
                    .formatted(CONTENT.length)
                    .getBytes(US_ASCII)));
            ByteBuffer rest = ByteBuffer.wrap(CONTENT);
            while (rest.hasRemaining()) client.write(rest);
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void servesItsAddress_andPassesOnTheRest(boolean offloads) throws Exception {
        String device = "mvd" + (System.nanoTime() & 0xff_ffff);
        try (ServerSocketChannel server = serve();
                NetNamespace guest = new NetNamespace();
                TapBackend tap = new TapBackend(device);
                DetourNetwork network =
                        new DetourNetwork(UserNetwork.builder().build(), "169.254.169.254", 80, folder.resolve("s"));
                Cable cable = new Cable(tap, network, offloads ? OFFLOADS : Set.of(), 0, 0)) {
            assertThat(server.isOpen()).isTrue();
            assertThat(cable).isNotNull();
            guest.take(device);
            guest.run("ip addr add 10.0.2.15/24 dev eth0; ip addr add 192.0.2.7/24 dev eth0;"
                    + " ip route add 169.254.169.254 dev eth0");

            for (String source : new String[] {"10.0.2.15", "192.0.2.7"}) {
                assertThat(guest.run("curl -s --interface %s http://169.254.169.254/ | sha256sum".formatted(source)))
                        .startsWith(TestServers.sha256(CONTENT));
            }
            assertThat(guest.run("busybox ping -c 1 169.254.169.254")).contains("1 packets received");
            assertThat(guest.run("busybox ping -c 1 10.0.2.2")).contains("1 packets received");
            assertThat(guest.tryRun("curl -s -m 5 http://169.254.169.254:81/").exitCode())
                    .isEqualTo(7); // not connected, and told so
        }
    }

    @Test
    void refusesAnAddressOfMany() {
        assertThatThrownBy(() -> new DetourNetwork(UserNetwork.builder().build(), "224.0.0.1", 80, Path.of("s")))
                .isInstanceOf(IllegalArgumentException.class);
    }
}
