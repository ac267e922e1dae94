package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.testing.TestServers.data;
import static dev.microvm.backend.net.testing.TestServers.sha256;
import static java.nio.charset.StandardCharsets.ISO_8859_1;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.TapBackend;
import dev.microvm.backend.net.testing.Cable;
import dev.microvm.backend.net.testing.NetNamespace;
import dev.microvm.backend.net.testing.TestServers;
import dev.microvm.testing.ProcessUse;
import java.io.IOException;
import java.io.InputStream;
import java.net.InetAddress;
import java.net.Socket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.EnumSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The user network against Linux's own TCP/IP, which stands in for a guest's: a tap device in a
 * network namespace.
 */
@Timeout(300)
final class UserNetworkLinuxTest {
    private static final int MIB = 1024 * 1024;
    private static final Set<NetOffload> OFFLOADS = EnumSet.of(NetOffload.CHECKSUM, NetOffload.TSO4);
    private static final int HTTP = 8080;
    private static final int UDP_ECHO = 7777;

    @TempDir
    @SuppressWarnings("NullAway.Init")
    private Path folder;

    /** A namespace on a user network. */
    private static final class Guest implements AutoCloseable {
        private final NetNamespace space;
        private final TapBackend tap;
        private final UserNetwork network;
        private final Cable cable;

        Guest(UserNetworkBuilder builder, Set<NetOffload> offloads, double loss, double reordering) throws Exception {
            space = new NetNamespace();
            String device = "mvt" + (System.nanoTime() & 0xff_ffff);
            tap = new TapBackend(device);
            network = builder.build();
            cable = new Cable(tap, network, offloads, loss, reordering);
            space.take(device);
        }

        Guest(UserNetworkBuilder builder) throws Exception {
            this(builder, OFFLOADS, 0, 0);
        }

        /** With the address that DHCP would give. */
        Guest configured() throws Exception {
            space.run("ip addr add 10.0.2.15/24 dev eth0; ip route add default via 10.0.2.2");
            return this;
        }

        String run(String command) throws IOException, InterruptedException {
            return space.run(command).strip();
        }

        NetNamespace.Result tryRun(String command) throws IOException, InterruptedException {
            return space.tryRun(command);
        }

        @Override
        public void close() throws IOException {
            cable.close();
            network.close();
            tap.close();
            space.close();
        }
    }

    private static UserNetworkBuilder builder() {
        return UserNetwork.builder().policy(NetPolicy.ALL);
    }

    @Test
    void givesAddressRouterAndNameServer_byDhcp() throws Exception {
        Path script = Files.writeString(folder.resolve("bound"), """
                #!/bin/sh
                [ "$1" = bound ] && echo "$ip/$mask $router $dns $mtu $lease"
                exit 0
                """);
        assertThat(script.toFile().setExecutable(true)).isTrue();
        try (Guest guest = new Guest(builder().mtu(1400))) {
            assertThat(guest.run("busybox udhcpc -i eth0 -n -q -f -O mtu -s " + script))
                    .contains("10.0.2.15/24 10.0.2.2 10.0.2.3 1400 86400");
            assertThat(guest.run("busybox udhcpc -i eth0 -n -q -f -B -O mtu -s " + script))
                    .contains("10.0.2.15/24 10.0.2.2 10.0.2.3 1400 86400");
        }
    }

    @Test
    void answersPing_onlyForItself() throws Exception {
        try (Guest guest = new Guest(builder()).configured()) {
            assertThat(guest.run("busybox ping -c 3 -s 1400 10.0.2.2")).contains("3 packets received");
            assertThat(guest.run("busybox ping -c 3 10.0.2.3")).contains("3 packets received");
            assertThat(guest.tryRun("busybox ping -c 1 -W 1 10.0.2.77").exitCode())
                    .isNotZero();
            assertThat(guest.tryRun("busybox ping -c 1 -W 1 192.0.2.1").exitCode())
                    .isNotZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void carriesADownload(boolean offloads) throws Exception {
        byte[] content = data(100 * MIB, 1);
        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                Guest guest = new Guest(builder(), offloads ? OFFLOADS : Set.of(), 0, 0).configured()) {
            assertThat(guest.run("wget -q -O - http://10.0.2.2:" + server.port() + "/ | sha256sum"))
                    .startsWith(sha256(content));
            assertThat(guest.network.counter(NetCounter.MALFORMED)).isZero();
        }
    }

    @ParameterizedTest
    @ValueSource(booleans = {true, false})
    void carriesAnUpload_andItsEndAlone(boolean offloads) throws Exception {
        byte[] content = data(100 * MIB, 2);
        Path file = Files.write(folder.resolve("content"), content);
        try (TestServers.Tcp server = TestServers.Tcp.hashing();
                Guest guest = new Guest(builder(), offloads ? OFFLOADS : Set.of(), 0, 0).configured()) {
            assertThat(guest.run("busybox nc 10.0.2.2 " + server.port() + " < " + file))
                    .isEqualTo(sha256(content));
            assertThat(guest.network.counter(NetCounter.MALFORMED)).isZero();
        }
    }

    @Test
    void carriesFiftyDownloadsAtOnce() throws Exception {
        byte[] content = data(2 * MIB, 3);
        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                Guest guest = new Guest(builder()).configured()) {
            String output = guest.run("for i in $(seq 50); do wget -q -O - http://10.0.2.2:" + server.port()
                    + "/ | sha256sum & done; wait");
            assertThat(output.lines()).hasSize(50).allMatch(line -> line.startsWith(sha256(content)));
        }
    }

    @Test
    void keepsGoing_whenFramesAreLostAndReordered() throws Exception {
        byte[] content = data(4 * MIB, 4);
        Path file = Files.write(folder.resolve("content"), content);
        try (TestServers.Tcp web = TestServers.Tcp.http(content);
                TestServers.Tcp hashing = TestServers.Tcp.hashing();
                Guest guest = new Guest(builder(), Set.of(), 0.02, 0.02).configured()) {
            // The host's default may be BBR, which without SACK waits for its timer, longer each time.
            guest.run("echo reno > /proc/sys/net/ipv4/tcp_congestion_control");
            assertThat(guest.run("wget -q -O - http://10.0.2.2:" + web.port() + "/ | sha256sum"))
                    .startsWith(sha256(content));
            assertThat(guest.run("busybox nc 10.0.2.2 " + hashing.port() + " < " + file))
                    .isEqualTo(sha256(content));
            assertThat(guest.network.counter(NetCounter.TCP_RETRANSMITTED)).isPositive();
        }
    }

    @Test
    void leadsAHostsClientToTheGuest_throughAForward() throws Exception {
        byte[] content = data(8 * MIB, 5);
        Files.write(folder.resolve("content"), content);
        HostForward forward = HostForward.tcp(0, HTTP);
        try (Guest guest = new Guest(UserNetwork.builder().forward(forward)).configured()) {
            guest.space.start("busybox httpd -f -p " + HTTP + " -h " + folder);
            awaitListening(guest, HTTP);
            for (int round = 0; round < 20; round++) {
                assertThat(download(guest.network.hostPort(forward)))
                        .as("round %d", round)
                        .isEqualTo(sha256(content));
            }
        }
    }

    @Test
    void leadsDatagramsToTheGuest_throughAForward() throws Exception {
        HostForward forward = HostForward.udp(0, UDP_ECHO);
        String echo =
                "use IO::Socket; my $s = IO::Socket::INET->new(LocalPort => %d, Proto => \"udp\");".formatted(UDP_ECHO)
                        + " while ($s->recv($d, 2000)) { $s->send($d); }";
        try (Guest guest = new Guest(UserNetwork.builder().forward(forward)).configured()) {
            guest.space.start("perl -e '" + echo + "'");
            guest.run("for i in $(seq 100); do grep -q ':%04X ' /proc/net/udp && exit 0; sleep 0.1; done; exit 1"
                    .formatted(UDP_ECHO));
            byte[] datagram = data(1000, 8);
            assertThat(DnsMessageTest.exchange(guest.network.hostPort(forward), datagram))
                    .isEqualTo(datagram);
            assertThat(DnsMessageTest.exchange(guest.network.hostPort(forward), datagram))
                    .isEqualTo(datagram);
            assertThat(guest.network.counter(NetCounter.UDP_TO_GUEST)).isEqualTo(2);
        }
    }

    @Test
    void echoesDatagrams_largeOnesInFragments() throws Exception {
        try (TestServers.UdpEcho echo = new TestServers.UdpEcho();
                Guest guest = new Guest(builder()).configured()) {
            String flow = "exec 3<>/dev/udp/10.0.2.2/" + echo.port() + "; ";
            assertThat(guest.run(flow + "echo hello >&3; head -c 5 <&3")).isEqualTo("hello");
            assertThat(guest.run(flow + "head -c 20000 /dev/zero | dd bs=20000 iflag=fullblock >&3 2> /dev/null;"
                            + " dd bs=65535 count=1 <&3 2> /dev/null | wc -c"))
                    .isEqualTo("20000");
            assertThat(echo.lengths()).containsExactly(6, 20_000);
        }
    }

    @Test
    void refusesWhatTheHostRefuses() throws Exception {
        int port;
        try (TestServers.Tcp gone = TestServers.Tcp.http(new byte[0])) {
            port = gone.port();
        }
        try (Guest guest = new Guest(builder()).configured()) {
            assertThat(guest.tryRun("exec 3<>/dev/tcp/10.0.2.2/" + port).output())
                    .contains("Connection refused");
            assertThat(guest.tryRun("exec 3<>/dev/tcp/10.0.2.3/80").output()).contains("Connection refused");
            assertThat(guest.tryRun("exec 3<>/dev/udp/10.0.2.2/" + port + "; echo a >&3; head -c 1 <&3")
                            .output())
                    .contains("Connection refused");
            assertThat(guest.network.counter(NetCounter.TCP_REFUSED)).isEqualTo(1);
        }
    }

    @Test
    void deniesTheHost_unlessThePolicyNamesThePort() throws Exception {
        byte[] content = data(100, 6);
        try (TestServers.Tcp secret = TestServers.Tcp.http(content);
                TestServers.Tcp open = TestServers.Tcp.http(content);
                Guest guest = new Guest(
                                UserNetwork.builder().policy(NetPolicy.OUTSIDE.or(NetPolicy.hostPorts(open.port()))))
                        .configured()) {
            assertThat(guest.tryRun("exec 3<>/dev/tcp/10.0.2.2/" + secret.port())
                            .output())
                    .contains("No route to host");
            assertThat(guest.run("wget -q -O - http://10.0.2.2:" + open.port() + "/ | sha256sum"))
                    .startsWith(sha256(content));
            assertThat(guest.tryRun("exec 3<>/dev/tcp/169.254.169.254/80").output())
                    .contains("No route to host");
            assertThat(guest.network.counter(NetCounter.DENIED)).isEqualTo(2);
        }
    }

    @Test
    void resolvesNamesAsTheHostDoes() throws Exception {
        try (Guest guest = new Guest(UserNetwork.builder().hostNames(true)).configured()) {
            assertThat(guest.run("busybox nslookup -type=a localhost 10.0.2.3")).contains("Address: 127.0.0.1");
            assertThat(guest.tryRun("busybox nslookup -type=a no-such-name.invalid 10.0.2.3")
                            .output())
                    .contains("NXDOMAIN");
        }
    }

    @Test
    void leavesNothingBehind_afterAThousandConnections() throws Exception {
        byte[] content = data(1000, 7);
        try (TestServers.Tcp server = TestServers.Tcp.http(content);
                Guest guest = new Guest(builder()).configured()) {
            String some = "for i in $(seq 100); do wget -q -O - http://10.0.2.2:" + server.port() + "/ | wc -c; done";
            assertThat(guest.run(some).lines()).hasSize(100).containsOnly("1000");
            awaitNoConnections(guest.network);
            ProcessUse before = ProcessUse.now();

            List<String> parts = new ArrayList<>();
            for (int i = 0; i < 9; i++) parts.add("(" + some + ") &");
            assertThat(guest.run(String.join(" ", parts) + " wait").lines())
                    .hasSize(900)
                    .containsOnly("1000");

            awaitNoConnections(guest.network);
            assertThat(ProcessUse.now().descriptors())
                    .isLessThanOrEqualTo(before.descriptors() + 2); // of the server's pools
            assertThat(ProcessUse.now().machineThreads()).isEqualTo(before.machineThreads());
            assertThat(guest.network.counter(NetCounter.TCP_FROM_GUEST)).isEqualTo(1000);
        }
    }

    private static void awaitListening(Guest guest, int port) throws Exception {
        String listening = "for i in $(seq 100); do"
                + " grep -q ' 00000000:%04X .* 0A ' /proc/net/tcp".formatted(port)
                + " || grep -q ':%04X .* 0A ' /proc/net/tcp6 && exit 0; sleep 0.1; done; exit 1".formatted(port);
        guest.run(listening);
    }

    private static void awaitNoConnections(UserNetwork network) throws InterruptedException {
        while (network.tcpConnections() > 0) Thread.sleep(50);
    }

    private static String download(int port) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), port)) {
            socket.getOutputStream().write("GET /content HTTP/1.0\r\n\r\n".getBytes(ISO_8859_1));
            InputStream in = socket.getInputStream();
            byte[] all = in.readAllBytes();
            int body = new String(all, 0, Math.min(all.length, 1000), ISO_8859_1).indexOf("\r\n\r\n") + 4;
            return sha256(Arrays.copyOfRange(all, body, all.length));
        }
    }
}
