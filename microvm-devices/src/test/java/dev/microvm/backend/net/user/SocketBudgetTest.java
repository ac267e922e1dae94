package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.GuestFrames.DNS;
import static dev.microvm.backend.net.user.GuestFrames.GUEST;
import static dev.microvm.backend.net.user.GuestFrames.HOST;
import static org.assertj.core.api.Assertions.assertThat;

import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Icmp;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;
import dev.microvm.limits.Budget;
import java.io.IOException;
import java.net.DatagramSocket;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.util.List;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** What happens when the flows of guests want more descriptors than they may have. */
final class SocketBudgetTest {
    private static final int LIMIT = 8;
    private static final int PAYLOAD = Ethernet.SIZE + Ipv4.SIZE;
    private static final byte[] NOTHING = new byte[0];

    private final Budget budget = new Budget("descriptors of a test", LIMIT);
    private final StackRig guest = rig();
    private ServerSocketChannel server;
    private DatagramSocket silent; // takes datagrams and returns none
    private int port;

    private StackRig rig() {
        return new StackRig(UserNetwork.builder().policy(NetPolicy.ALL).nameServer(nobody()), budget);
    }

    private static InetSocketAddress nobody() {
        return new InetSocketAddress("192.0.2.1", 53); // of the documentation network: RFC 5737
    }

    @BeforeEach
    void open() throws IOException {
        server = ServerSocketChannel.open().bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 1024);
        silent = new DatagramSocket(0, InetAddress.getLoopbackAddress());
        port = server.socket().getLocalPort();
    }

    @AfterEach
    void close() throws IOException {
        guest.close();
        server.close();
        silent.close();
    }

    @Test
    void endsTheOldestUdpFlow_whenAFloodOfDatagramsUsesTheBudgetUp() {
        for (int i = 0; i < 100; i++) sendUdp(guest, 1000 + i);

        assertThat(budget.used()).isEqualTo(LIMIT);
        assertThat(guest.network().counter(NetCounter.FLOWS_EVICTED)).isEqualTo(100 - LIMIT);
        assertThat(guest.network().counter(NetCounter.DESCRIPTORS_REFUSED)).isZero();
    }

    @Test
    void resetsTheOldestHalfOpenConnection_whenAFloodOfSynsUsesTheBudgetUp() {
        for (int i = 0; i < 100; i++) guest.send(syn(1000 + i));

        assertThat(budget.used()).isEqualTo(LIMIT);
        assertThat(guest.network().counter(NetCounter.FLOWS_EVICTED)).isEqualTo(100 - LIMIT);
        List<Integer> reset = resets(guest);
        assertThat(reset).hasSize(100 - LIMIT).startsWith(1000, 1001).endsWith(1099 - LIMIT);
    }

    @Test
    void prefersUdpFlowsToConnections() {
        guest.send(syn(1000));
        for (int i = 0; i < LIMIT - 1; i++) sendUdp(guest, 2000 + i);
        guest.take();

        guest.send(syn(1001));

        assertThat(resets(guest)).isEmpty();
        assertThat(guest.network().counter(NetCounter.FLOWS_EVICTED)).isEqualTo(1);
    }

    @Test
    void refusesByTheProtocol_whenAllDescriptorsAreOfBusyConnections() {
        for (int i = 0; i < LIMIT; i++) establish(1000 + i);
        guest.take();

        guest.send(syn(2000));
        assertThat(resets(guest)).containsExactly(2000);

        sendUdp(guest, 2001);
        byte[] error = guest.take().getLast();
        assertThat(Bytes.getByte(error, PAYLOAD + Icmp.TYPE)).isEqualTo(Icmp.UNREACHABLE);

        guest.send(GuestFrames.udp(GUEST, 2002, DNS, 53, DnsMessageTest.query("a", 1)));
        byte[] answer = guest.take().getLast();
        assertThat(Bytes.getShort(answer, PAYLOAD + Headers.Udp.SIZE + 2) & 0xf).isEqualTo(DnsMessage.SERVER_FAILURE);

        assertThat(guest.network().counter(NetCounter.FLOWS_EVICTED)).isZero();
        assertThat(guest.network().counter(NetCounter.DESCRIPTORS_REFUSED)).isEqualTo(3);
    }

    @Test
    void keepsBusyConnections_whileNoOtherGuestWantsTheirDescriptors() {
        try (StackRig idle = rig()) {
            for (int i = 0; i < LIMIT; i++) establish(1000 + i);
            guest.take();

            for (int i = 0; i < 20; i++) guest.send(syn(2000 + i));

            assertThat(guest.network().counter(NetCounter.FLOWS_EVICTED)).isZero();
            assertThat(resets(guest)).hasSize(20).allMatch(port -> port >= 2000);
            assertThat(idle.network().counter(NetCounter.DESCRIPTORS_REFUSED)).isZero();
        }
    }

    @Test
    void resetsAnEstablishedConnection_onceItIsIdle() {
        for (int i = 0; i < LIMIT; i++) establish(1000 + i);
        guest.take();

        guest.pass(61_000);
        guest.send(syn(2000));

        assertThat(resets(guest)).containsExactly(1000);
    }

    @Test
    void leavesAnotherGuestItsFairPart() {
        try (StackRig other = rig()) {
            other.send(GuestFrames.arpRequest());
            for (int i = 0; i < LIMIT; i++) establish(1000 + i);

            for (int i = 0; i < 100; i++) {
                sendUdp(other, 1000 + i);
                guest.turn();
            }

            assertThat(other.network().counter(NetCounter.DESCRIPTORS_REFUSED)).isZero();
            assertThat(budget.used()).isEqualTo(LIMIT);
            assertThat(resets(guest)).hasSize(LIMIT / 2);
        }
    }

    @Test
    void givesEverythingBack_whenTheNetworkCloses() {
        try (StackRig closing = rig()) {
            for (int i = 0; i < LIMIT; i++) sendUdp(closing, 1000 + i);
        }

        assertThat(budget.used()).isZero();
    }

    @Test
    void givesADescriptorBackOnce_howeverAFlowEnds() throws IOException {
        establish(1000);
        guest.send(GuestFrames.tcp(1000, port, 1001, 0, Tcp.RST, NOTHING));
        assertThat(budget.used()).as("after a reset").isZero();

        sendUdp(guest, 1001);
        guest.pass(61_000);
        assertThat(budget.used()).as("after the time-out of a UDP flow").isZero();

        server.close();
        guest.send(syn(1002));
        guest.turn();
        assertThat(budget.used()).as("after a refused connection").isZero();

        guest.send(GuestFrames.udp(GUEST, 1003, DNS, 53, DnsMessageTest.query("a", 1)));
        guest.pass(10_000);
        assertThat(budget.used()).as("after a question without an answer").isZero();
    }

    private void sendUdp(StackRig from, int fromPort) {
        from.send(GuestFrames.udp(GUEST, fromPort, HOST, silent.getLocalPort(), NOTHING));
    }

    private byte[] syn(int fromPort) {
        return GuestFrames.tcp(fromPort, port, 1000, 0, Tcp.SYN, NOTHING);
    }

    private void establish(int fromPort) {
        guest.take();
        guest.send(syn(fromPort));
        byte[] answer = guest.take().getLast();
        assertThat(Bytes.getByte(answer, PAYLOAD + Tcp.FLAGS)).isEqualTo(Tcp.SYN | Tcp.ACK);
        int next = Bytes.getInt(answer, PAYLOAD + Tcp.SEQUENCE) + 1;
        guest.send(GuestFrames.tcp(fromPort, port, 1001, next, Tcp.ACK, NOTHING));
    }

    /** The ports of the guest whose connections were reset since the last call. */
    private static List<Integer> resets(StackRig of) {
        return of.take().stream()
                .filter(frame -> Bytes.getByte(frame, Ethernet.SIZE + Ipv4.PROTOCOL) == Ipv4.TCP)
                .filter(frame -> (Bytes.getByte(frame, PAYLOAD + Tcp.FLAGS) & Tcp.RST) != 0)
                .map(frame -> Bytes.getShort(frame, PAYLOAD + Tcp.DESTINATION_PORT))
                .toList();
    }
}
