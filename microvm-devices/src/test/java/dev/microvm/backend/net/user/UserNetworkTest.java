package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.GuestFrames.DNS;
import static dev.microvm.backend.net.user.GuestFrames.GUEST;
import static dev.microvm.backend.net.user.GuestFrames.HOST;
import static dev.microvm.backend.net.user.GuestFrames.OUTSIDE;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Icmp;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;
import dev.microvm.error.MicroVmException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.nio.channels.ServerSocketChannel;
import java.util.Arrays;
import java.util.List;
import org.junit.jupiter.api.Test;

/** What a guest sees of the network, frame by frame; {@link UserNetworkLinuxTest} has the rest. */
final class UserNetworkTest {
    private static final int IP = Ethernet.SIZE;
    private static final int PAYLOAD = IP + Ipv4.SIZE;

    private final StackRig rig = new StackRig(UserNetwork.builder().policy(NetPolicy.NONE));

    @Test
    void answersArp_forItself() {
        rig.send(GuestFrames.arpRequest());

        byte[] answer = only(rig.take());
        assertThat(Bytes.getShort(answer, Ethernet.TYPE)).isEqualTo(Ethernet.TYPE_ARP);
        assertThat(Bytes.getShort(answer, IP + Headers.Arp.OPERATION)).isEqualTo(Headers.Arp.REPLY);
        assertThat(Bytes.getMac(answer, IP + Headers.Arp.SENDER_MAC)).isEqualTo(0x5255_0a00_0202L);
        assertThat(Bytes.getInt(answer, IP + Headers.Arp.SENDER_IP)).isEqualTo(HOST);
    }

    @Test
    void answersPing_withTheSameData() {
        byte[] ping = GuestFrames.ping(100);
        rig.send(ping);

        byte[] answer = only(rig.take());
        assertThat(Bytes.getByte(answer, PAYLOAD + Icmp.TYPE)).isEqualTo(Icmp.ECHO_REPLY);
        assertThat(Bytes.getInt(answer, IP + Ipv4.DESTINATION)).isEqualTo(GUEST);
        assertThat(answer).hasSize(ping.length);
    }

    @Test
    void putsFragmentsTogether_inWhateverOrder() {
        byte[] ping = GuestFrames.ping(64);
        rig.send(fragment(ping, 32, 40, false));
        rig.send(fragment(ping, 0, 32, true));

        assertThat(Bytes.getByte(only(rig.take()), PAYLOAD + Icmp.TYPE)).isEqualTo(Icmp.ECHO_REPLY);
    }

    @Test
    void answersAPingLargerThanAPacket_inFragments() {
        int size = 4_000;
        byte[] ping = GuestFrames.ping(size);
        for (int i = 0; i < size; i++) ping[PAYLOAD + Icmp.SIZE + i] = (byte) (i * 7);
        GuestFrames.fixChecksums(ping);
        sendInFragments(ping, Icmp.SIZE + size);

        List<byte[]> answers = rig.take();
        byte[] reply = whole(answers);
        assertThat(answers).hasSize(3).allSatisfy(part -> assertThat(part).hasSizeLessThanOrEqualTo(1514));
        assertThat(reply).hasSize(Icmp.SIZE + size);
        assertThat(Bytes.getByte(reply, Icmp.TYPE)).isEqualTo(Icmp.ECHO_REPLY);
        assertThat(Bytes.checksum(Bytes.sum(reply, 0, reply.length, 0))).isZero();
        assertThat(Arrays.copyOfRange(reply, Icmp.SIZE, reply.length))
                .isEqualTo(Arrays.copyOfRange(ping, PAYLOAD + Icmp.SIZE, ping.length));
    }

    @Test
    void answersTheLargestPing() {
        int size = 65_507; // what ping(8) sends at most
        sendInFragments(GuestFrames.ping(size), Icmp.SIZE + size);

        assertThat(whole(rig.take())).hasSize(Icmp.SIZE + size);
    }

    @Test
    void countsEachDropByItsReason() {
        byte[] ping = GuestFrames.ping(64);
        rig.send(fragment(ping, 0, 32, true));
        rig.pass(31_000);
        rig.send(fragment(ping, 32, 40, false)); // too late, and it will never be whole
        for (int id = 1; id <= 20; id++) rig.send(identified(fragment(ping, 0, 32, true), id));
        assertThat(count(NetCounter.FRAGMENTS_DROPPED)).isEqualTo(1 + 5);

        byte[] other = GuestFrames.ping(8);
        Bytes.putMac(other, Ethernet.DESTINATION, 0x0200_0000_0009L);
        byte[] reply = GuestFrames.ping(8);
        Bytes.putByte(reply, PAYLOAD + Icmp.TYPE, Icmp.ECHO_REPLY);
        rig.send(other, GuestFrames.fixChecksums(reply));
        rig.send(GuestFrames.udp(GUEST, 5353, Ipv4Address.parse("224.0.0.251"), 5353, new byte[4]));
        assertThat(count(NetCounter.IGNORED)).isEqualTo(3);

        byte[] outside = GuestFrames.ping(8);
        Bytes.putInt(outside, IP + Ipv4.DESTINATION, OUTSIDE);
        rig.send(GuestFrames.fixChecksums(outside));
        assertThat(count(NetCounter.UNSUPPORTED)).isEqualTo(1);

        byte[] arp = Arrays.copyOf(GuestFrames.arpRequest(), IP + 10);
        rig.send(arp);
        assertThat(count(NetCounter.MALFORMED)).isEqualTo(1);
    }

    private long count(NetCounter which) {
        return rig.network().counter(which);
    }

    private void sendInFragments(byte[] frame, int length) {
        int most = 1480;
        for (int from = 0; from < length; from += most) {
            int part = Math.min(most, length - from);
            rig.send(fragment(frame, from, part, from + part < length));
        }
    }

    /** The payload that fragments carry. */
    private static byte[] whole(List<byte[]> fragments) {
        int length = fragments.stream().mapToInt(each -> each.length - PAYLOAD).sum();
        byte[] whole = new byte[length];
        for (byte[] each : fragments) {
            int at = (Bytes.getShort(each, IP + Ipv4.FRAGMENT) & Ipv4.FRAGMENT_OFFSET_MASK) * Ipv4.FRAGMENT_UNIT;
            System.arraycopy(each, PAYLOAD, whole, at, each.length - PAYLOAD);
        }
        return whole;
    }

    private static byte[] identified(byte[] frame, int identification) {
        Bytes.putShort(frame, IP + Ipv4.IDENTIFICATION, identification);
        Bytes.putShort(frame, IP + Ipv4.CHECKSUM, 0);
        Bytes.putShort(frame, IP + Ipv4.CHECKSUM, Bytes.checksum(Bytes.sum(frame, IP, Ipv4.SIZE, 0)));
        return frame;
    }

    @Test
    void dropsFragmentsThatOverlap() {
        byte[] ping = GuestFrames.ping(64);
        rig.send(fragment(ping, 0, 32, true));
        rig.send(fragment(ping, 24, 48, false));
        rig.send(fragment(ping, 32, 40, false));

        assertThat(rig.take()).isEmpty();
    }

    @Test
    void countsWhatIsMalformed_andAnswersNothing() {
        byte[] badChecksum = GuestFrames.ping(10);
        badChecksum[IP + Ipv4.CHECKSUM] ^= 1;
        byte[] cutOff = Arrays.copyOf(GuestFrames.ping(10), IP + 25);
        byte[] notHis = GuestFrames.ping(10);
        Bytes.putInt(notHis, IP + Ipv4.SOURCE, OUTSIDE);

        rig.send(badChecksum);
        rig.send(cutOff);
        rig.send(GuestFrames.fixChecksums(notHis));
        rig.send(new byte[3]);

        assertThat(rig.take()).isEmpty();
        assertThat(rig.network().counter(NetCounter.MALFORMED)).isEqualTo(4);
    }

    @Test
    void tellsATracer_thatTheTimeOfAPacketIsOver() {
        byte[] udp = GuestFrames.udp(GUEST, 1000, OUTSIDE, 33_434, new byte[10]);
        Bytes.putByte(udp, IP + Ipv4.TTL, 1);
        rig.send(GuestFrames.fixChecksums(udp));

        byte[] answer = only(rig.take());
        assertThat(Bytes.getByte(answer, PAYLOAD + Icmp.TYPE)).isEqualTo(Icmp.TIME_EXCEEDED);
        assertThat(Bytes.getInt(answer, IP + Ipv4.SOURCE)).isEqualTo(HOST);
    }

    @Test
    void prohibitsWhatThePolicyDenies_namesToo() {
        rig.send(GuestFrames.udp(GUEST, 1000, OUTSIDE, 9, new byte[10]));
        rig.send(GuestFrames.tcp(OUTSIDE, 1000, 80, 1, 0, Tcp.SYN, new byte[0]));
        rig.send(GuestFrames.udp(GUEST, 1000, DNS, 53, DnsMessageTest.query("a", 1)));

        assertThat(rig.take()).hasSize(3).allSatisfy(answer -> {
            assertThat(Bytes.getByte(answer, PAYLOAD + Icmp.TYPE)).isEqualTo(Icmp.UNREACHABLE);
            assertThat(Bytes.getByte(answer, PAYLOAD + Icmp.CODE)).isEqualTo(Icmp.PROHIBITED);
        });
        assertThat(rig.network().counter(NetCounter.DENIED)).isEqualTo(3);
    }

    @Test
    void deniesTheFlow_whenThePolicyThrows() {
        try (StackRig careless = new StackRig(UserNetwork.builder().policy(flow -> {
            throw new IllegalStateException("a policy's defect");
        }))) {
            careless.send(GuestFrames.tcp(1000, 80, 1, 0, Tcp.SYN, new byte[0]));

            assertThat(careless.network().counter(NetCounter.DENIED)).isEqualTo(1);
        }
    }

    @Test
    void theDefaultPolicyLetsNothingToTheHost() {
        InetSocketAddress guest = new InetSocketAddress("10.0.2.15", 1000);

        assertThat(List.of("127.0.0.1", "127.1.2.3", "169.254.169.254")).noneMatch(target -> {
            InetSocketAddress to = new InetSocketAddress(target, 80);
            return NetPolicy.OUTSIDE.allows(new NetFlow(Protocol.TCP, guest, to, to));
        });
        InetSocketAddress outside = new InetSocketAddress("192.0.2.199", 80);
        assertThat(NetPolicy.OUTSIDE.allows(new NetFlow(Protocol.TCP, guest, outside, outside)))
                .isTrue();
    }

    @Test
    void asksAgainForTheGuest_whenASynIsLost_andGivesUpInTheEnd() {
        HostForward forward = HostForward.tcp(0, GuestFrames.PORT);
        try (StackRig forwarding = new StackRig(UserNetwork.builder().forward(forward))) {
            forwarding.connect(forward);
            assertThat(syns(forwarding)).isEqualTo(1);
            int more = 0;
            for (int second = 0; second < 200; second++) {
                forwarding.pass(1000);
                more += syns(forwarding);
            }
            assertThat(more).isEqualTo(5);
        }
    }

    /**
     * Without an acknowledgement for each, the guest would not know of the loss before its timer
     * tells: RFC 5681, 3.2.
     */
    @Test
    void acknowledgesEachSegmentBehindAGap_evenIfAllComeAtOnce() throws IOException {
        try (ServerSocketChannel server = ServerSocketChannel.open();
                StackRig open = new StackRig(UserNetwork.builder().policy(NetPolicy.ALL))) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            int port = server.socket().getLocalPort();
            open.send(GuestFrames.tcp(2000, port, 999, 0, Tcp.SYN, new byte[0]));
            int first = Bytes.getInt(only(open.take()), PAYLOAD + Tcp.SEQUENCE) + 1;

            open.send(
                    GuestFrames.tcp(2000, port, 1100, first, Tcp.ACK, new byte[100]),
                    GuestFrames.tcp(2000, port, 1200, first, Tcp.ACK, new byte[100]),
                    GuestFrames.tcp(2000, port, 1300, first, Tcp.ACK, new byte[100]));
            assertThat(acknowledgments(open)).containsExactly(1000, 1000, 1000);

            open.send(GuestFrames.tcp(2000, port, 1000, first, Tcp.ACK, new byte[100]));
            assertThat(acknowledgments(open)).containsExactly(1400);
        }
    }

    private static List<Integer> acknowledgments(StackRig of) {
        return of.take().stream()
                .map(frame -> Bytes.getInt(frame, PAYLOAD + Tcp.ACKNOWLEDGMENT))
                .toList();
    }

    @Test
    void holdsNoMoreConnectionsThanItMay() throws IOException {
        try (ServerSocketChannel server = ServerSocketChannel.open();
                StackRig small =
                        new StackRig(UserNetwork.builder().policy(NetPolicy.ALL).maxTcpConnections(3))) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            int port = server.socket().getLocalPort();
            for (int i = 0; i < 10; i++) small.send(GuestFrames.tcp(2000 + i, port, 1, 0, Tcp.SYN, new byte[0]));

            assertThat(small.network().counter(NetCounter.OVER_LIMIT)).isEqualTo(7);
        }
    }

    @Test
    void beginsNoMoreFlowsInASecondThanItMay() throws IOException {
        try (ServerSocketChannel server = ServerSocketChannel.open();
                StackRig slow =
                        new StackRig(UserNetwork.builder().policy(NetPolicy.ALL).maxNewFlowsPerSecond(5))) {
            server.bind(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0));
            int port = server.socket().getLocalPort();
            slow.pass(10_000);
            for (int i = 0; i < 10; i++) slow.send(GuestFrames.tcp(2000 + i, port, 1, 0, Tcp.SYN, new byte[0]));
            assertThat(slow.network().counter(NetCounter.OVER_LIMIT)).isEqualTo(5);
        }
    }

    @Test
    void namesThePort_whenAForwardCannotHaveIt() throws IOException {
        try (ServerSocket taken = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
                UserNetwork network = UserNetwork.builder()
                        .forwardTcp(taken.getLocalPort(), 22)
                        .build()) {
            assertThatThrownBy(() -> network.start("test", () -> {}))
                    .isInstanceOf(MicroVmException.class)
                    .hasMessageContaining("tcp:127.0.0.1:" + taken.getLocalPort());
        }
    }

    @Test
    void servesOneDeviceAtATime_andAnotherAfterwards() {
        UserNetwork network = UserNetwork.builder().build();
        network.start("first", () -> {});
        assertThatThrownBy(() -> network.start("second", () -> {})).isInstanceOf(IllegalStateException.class);

        network.close();
        network.start("second", () -> {});
        network.close();
    }

    @Test
    void reportsAllThatIsWrongAtOnce() {
        assertThatThrownBy(() -> UserNetwork.builder()
                        .network("10.0.2.1/24")
                        .mtu(100)
                        .windowKiB(100)
                        .maxUdpFlows(0)
                        .build())
                .isInstanceOf(MicroVmException.class)
                .hasMessageContaining("10.0.2.1/24")
                .hasMessageContaining("mtu: 576 to 65520, was 100")
                .hasMessageContaining("windowKiB")
                .hasMessageContaining("maxUdpFlows");
    }

    @Test
    void readsForwardsAsQemuDoes() {
        assertThat(HostForward.parse("tcp::10022-:22"))
                .isEqualTo(new HostForward(Protocol.TCP, "0.0.0.0", 10_022, "", 22));
        assertThat(HostForward.parse("::8080-10.0.2.16:80"))
                .isEqualTo(new HostForward(Protocol.TCP, "0.0.0.0", 8080, "10.0.2.16", 80));
        assertThat(HostForward.parse("udp:127.0.0.1:53-:53")).isEqualTo(HostForward.udp(53, 53));
        for (String wrong : List.of("", "tcp", ":1-:1", "tcp::1-:70000", "tcp::1-:0", "icmp::1-:1", "tcp:1.2.3:1-:1")) {
            assertThatThrownBy(() -> HostForward.parse(wrong)).isInstanceOf(IllegalArgumentException.class);
        }
    }

    private static byte[] only(List<byte[]> frames) {
        assertThat(frames).hasSize(1);
        return frames.getFirst();
    }

    private static int syns(StackRig of) {
        return (int) of.take().stream()
                .filter(frame -> Bytes.getShort(frame, Ethernet.TYPE) == Ethernet.TYPE_IPV4)
                .filter(frame -> Bytes.getByte(frame, PAYLOAD + Tcp.FLAGS) == Tcp.SYN)
                .count();
    }

    /** The bytes {@code [from, from + length)} of an IPv4 frame's payload, as a fragment. */
    private static byte[] fragment(byte[] frame, int from, int length, boolean more) {
        byte[] part = new byte[PAYLOAD + length];
        System.arraycopy(frame, 0, part, 0, PAYLOAD);
        System.arraycopy(frame, PAYLOAD + from, part, PAYLOAD, length);
        Bytes.putShort(part, IP + Ipv4.TOTAL_LENGTH, Ipv4.SIZE + length);
        Bytes.putShort(part, IP + Ipv4.FRAGMENT, (from / 8) | (more ? Ipv4.MORE_FRAGMENTS : 0));
        Bytes.putShort(part, IP + Ipv4.CHECKSUM, 0);
        Bytes.putShort(part, IP + Ipv4.CHECKSUM, Bytes.checksum(Bytes.sum(part, IP, Ipv4.SIZE, 0)));
        return part;
    }
}
