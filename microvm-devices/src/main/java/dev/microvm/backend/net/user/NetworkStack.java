package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.BYTES_FROM_GUEST;
import static dev.microvm.backend.net.user.NetCounter.FRAMES_FROM_GUEST;
import static dev.microvm.backend.net.user.NetCounter.IGNORED;
import static dev.microvm.backend.net.user.NetCounter.MALFORMED;
import static dev.microvm.backend.net.user.NetCounter.UNSUPPORTED;

import dev.microvm.backend.net.VnetHeader;
import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Icmp;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Udp;
import java.nio.ByteBuffer;
import java.util.List;
import java.util.function.BooleanSupplier;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/**
 * Parses and checks the guest's frames, and passes each to its protocol. No frame makes it throw.
 * For the network's thread.
 */
final class NetworkStack {
    /** Idle time after which a connection gives its socket to another flow of the guest. */
    private static final long IDLE_NANOS = 60_000_000_000L;

    private final Subnet subnet;
    private final NetLoop loop;
    private final Counters counters;
    private final Neighbours neighbours;
    private final GuestLink link;
    private final Reassembly reassembly;
    private final SocketBudget sockets;
    private final DhcpServer dhcp;
    private final DnsForwarder dns;
    private final TcpStack tcp;
    private final UdpStack udp;

    NetworkStack(
            UserNetworkConfig config,
            NetLoop loop,
            FrameRing toGuest,
            Counters counters,
            SocketBudget sockets,
            String name) {
        this.loop = loop;
        this.sockets = sockets;
        reassembly = new Reassembly(counters);
        this.counters = counters;
        subnet = config.subnet();
        neighbours = new Neighbours(subnet);
        link = new GuestLink(toGuest, subnet, neighbours, counters, config.mtu());
        neighbours.onLearned(link::sendHeld);
        NameServers servers = NameServers.of(config, loop::now);
        Gate gate = new Gate(config, servers, counters);
        dhcp = new DhcpServer(subnet, config.mtu(), config.dhcp(), link, neighbours);
        dns = new DnsForwarder(loop, link, gate, counters, config, sockets, servers, name);
        tcp = new TcpStack(loop, link, gate, counters, config, sockets);
        udp = new UdpStack(loop, link, gate, counters, config, sockets);
        List<BooleanSupplier> cheap = List.of(udp::evictOldest, tcp::evictOldestOpening, dns::evictOldest);
        sockets.evictBy(
                with(cheap, () -> tcp.evictOldestEstablished(IDLE_NANOS)),
                with(cheap, () -> tcp.evictOldestEstablished(0)));
    }

    private static List<BooleanSupplier> with(List<BooleanSupplier> first, BooleanSupplier last) {
        return Stream.concat(first.stream(), Stream.of(last)).toList();
    }

    GuestLink link() {
        return link;
    }

    TcpStack tcp() {
        return tcp;
    }

    Neighbours neighbours() {
        return neighbours;
    }

    UdpStack udp() {
        return udp;
    }

    /** Returns the guest address to which a forward leads. */
    int guestAddress(HostForward forward) {
        return forward.guestAddress().isEmpty() ? subnet.firstGuest() : Ipv4Address.parse(forward.guestAddress());
    }

    /** Sends everything that is due. */
    void flush() {
        sockets.giveBack();
        dns.flush();
        tcp.flush();
    }

    void close() {
        dns.close();
        sockets.close();
    }

    /** Handles a frame of the guest with its vnet header, and counts it here if it is dropped. */
    void input(byte[] from, int at, int length) {
        counters.count(FRAMES_FROM_GUEST);
        int size = length - VnetHeader.SIZE;
        if (size > 0) counters.add(BYTES_FROM_GUEST, size);
        NetCounter dropped = size < Ethernet.SIZE ? MALFORMED : inputFrame(from, at, size);
        if (dropped != null) counters.count(dropped);
    }

    /** Handles a frame; returns why it is dropped, or null, as the methods below do. */
    private @Nullable NetCounter inputFrame(byte[] from, int at, int size) {
        int ethernet = at + VnetHeader.SIZE;
        long destination = Bytes.getMac(from, ethernet + Ethernet.DESTINATION);
        if (destination != subnet.mac() && (destination & Ethernet.GROUP_BIT) == 0) return IGNORED; // for another
        int payload = ethernet + Ethernet.SIZE;
        return switch (Bytes.getShort(from, ethernet + Ethernet.TYPE)) {
            case Ethernet.TYPE_IPV4 -> inputIpv4(from, at, payload, size - Ethernet.SIZE);
            case Ethernet.TYPE_ARP -> neighbours.input(from, payload, size - Ethernet.SIZE, link) ? null : MALFORMED;
            default -> UNSUPPORTED;
        };
    }

    private @Nullable NetCounter inputIpv4(byte[] from, int frame, int ip, int available) {
        if (!isValidIpv4(from, ip, available)) return MALFORMED;
        int source = Bytes.getInt(from, ip + Ipv4.SOURCE);
        int header = headerLength(from, ip);
        int length = Bytes.getShort(from, ip + Ipv4.TOTAL_LENGTH) - header;
        if (source == Ipv4Address.ANY) return inputWithoutAddress(from, ip, ip + header, length);
        if (!subnet.isGuest(source)) return MALFORMED;
        neighbours.learn(source, Bytes.getMac(from, frame + VnetHeader.SIZE + Ethernet.SOURCE));
        if ((Bytes.getShort(from, ip + Ipv4.FRAGMENT) & (Ipv4.MORE_FRAGMENTS | Ipv4.FRAGMENT_OFFSET_MASK)) != 0) {
            byte[] whole = reassembly.input(from, ip, ip + header, length, loop.now());
            if (whole == null) return null; // one part of several, or counted there
            return route(whole, 0, Ipv4.SIZE, Bytes.getShort(whole, Ipv4.TOTAL_LENGTH) - Ipv4.SIZE, false);
        }
        boolean checksumDone = (from[frame + VnetHeader.FLAGS] & VnetHeader.F_NEEDS_CSUM) != 0;
        return route(from, ip, ip + header, length, checksumDone);
    }

    private static boolean isValidIpv4(byte[] from, int ip, int available) {
        if (available < Ipv4.SIZE || Bytes.getByte(from, ip) >>> 4 != Ipv4.VERSION_4) return false;
        int header = headerLength(from, ip);
        int total = Bytes.getShort(from, ip + Ipv4.TOTAL_LENGTH);
        return header >= Ipv4.SIZE
                && total >= header
                && total <= available
                && Bytes.checksum(Bytes.sum(from, ip, header, 0)) == 0;
    }

    private static int headerLength(byte[] from, int ip) {
        return (Bytes.getByte(from, ip) & 0xf) * Integer.BYTES;
    }

    /**
     * Handles a packet of a guest without an address. Only requests for an address are accepted.
     */
    private @Nullable NetCounter inputWithoutAddress(byte[] from, int ip, int at, int length) {
        if (Bytes.getByte(from, ip + Ipv4.PROTOCOL) != Ipv4.UDP) return IGNORED;
        return inputUdp(from, ip, at, length, true, true);
    }

    private @Nullable NetCounter route(byte[] from, int ip, int at, int length, boolean checksumDone) {
        int destination = Bytes.getInt(from, ip + Ipv4.DESTINATION);
        boolean local = subnet.contains(destination) || !Ipv4Address.isUnicast(destination);
        if (!local && Bytes.getByte(from, ip + Ipv4.TTL) <= 1) {
            link.sendIcmpError(Icmp.TIME_EXCEEDED, 0, from, ip);
            return null; // it was answered
        }
        return switch (Bytes.getByte(from, ip + Ipv4.PROTOCOL)) {
            case Ipv4.TCP -> inputTcp(from, ip, at, length, checksumDone);
            case Ipv4.UDP -> inputUdp(from, ip, at, length, checksumDone, false);
            case Ipv4.ICMP -> inputIcmp(from, ip, at, length);
            default -> unsupported(Icmp.PROTOCOL_UNREACHABLE, from, ip, destination);
        };
    }

    private boolean isUnicastTarget(int destination) {
        return Ipv4Address.isUnicast(destination) && destination != subnet.broadcast();
    }

    private NetCounter unsupported(int code, byte[] from, int ip, int destination) {
        if (isUnicastTarget(destination)) link.sendIcmpError(Icmp.UNREACHABLE, code, from, ip);
        return UNSUPPORTED;
    }

    private @Nullable NetCounter inputTcp(byte[] from, int ip, int at, int length, boolean checksumDone) {
        if (!isUnicastTarget(Bytes.getInt(from, ip + Ipv4.DESTINATION))) return IGNORED;
        return tcp.input(from, ip, at, length, checksumDone) ? null : MALFORMED;
    }

    /**
     * Answers echo requests to the network's own addresses. Other addresses cannot be reached by
     * ICMP.
     */
    private @Nullable NetCounter inputIcmp(byte[] from, int ip, int at, int length) {
        if (length < Icmp.SIZE || Bytes.checksum(Bytes.sum(from, at, length, 0)) != 0) return MALFORMED;
        if (Bytes.getByte(from, at + Icmp.TYPE) != Icmp.ECHO) return IGNORED;
        int destination = Bytes.getInt(from, ip + Ipv4.DESTINATION);
        if (!subnet.isOwn(destination)) return unsupported(Icmp.PROHIBITED, from, ip, destination);
        link.sendEchoReply(destination, Bytes.getInt(from, ip + Ipv4.SOURCE), from, at, length);
        return null;
    }

    private @Nullable NetCounter inputUdp(
            byte[] from, int ip, int at, int length, boolean checksumDone, boolean withoutAddress) {
        int size = length < Udp.SIZE ? 0 : Bytes.getShort(from, at + Udp.LENGTH);
        if (size < Udp.SIZE || size > length) return MALFORMED;
        int source = Bytes.getInt(from, ip + Ipv4.SOURCE);
        int destination = Bytes.getInt(from, ip + Ipv4.DESTINATION);
        if (!checksumDone && Bytes.getShort(from, at + Udp.CHECKSUM) != 0) {
            long sum = GuestLink.pseudoSum(source, destination, Ipv4.UDP, size);
            if (Bytes.checksum(Bytes.sum(from, at, size, sum)) != 0) return MALFORMED;
        }
        int data = at + Udp.SIZE;
        int sourcePort = Bytes.getShort(from, at + Udp.SOURCE_PORT);
        int port = Bytes.getShort(from, at + Udp.DESTINATION_PORT);
        boolean everybody = destination == Ipv4Address.BROADCAST || destination == subnet.broadcast();
        if (port == DhcpServer.SERVER_PORT && (everybody || destination == subnet.host())) {
            return dhcp.input(from, data, size - Udp.SIZE) ? null : MALFORMED;
        }
        if (withoutAddress || !isUnicastTarget(destination)) return IGNORED; // nobody here listens to many
        ByteBuffer datagram = ByteBuffer.wrap(from, data, size - Udp.SIZE);
        if (destination != subnet.dns() || port != NetPolicy.DNS_PORT) {
            udp.input(from, ip, sourcePort, port, datagram);
        } else if (!dns.input(source, sourcePort, datagram)) {
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PROHIBITED, from, ip); // counted as denied
        }
        return null;
    }
}
