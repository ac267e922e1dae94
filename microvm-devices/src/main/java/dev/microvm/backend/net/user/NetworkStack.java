package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.BYTES_FROM_GUEST;
import static dev.microvm.backend.net.user.NetCounter.FRAMES_FROM_GUEST;
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

/**
 * Parses and checks the guest's frames, and passes each to its protocol. No frame makes it throw.
 * For the network's thread.
 */
final class NetworkStack {
    /** Idle time after which a connection gives its socket to another flow of the guest. */
    private static final long IDLE_NANOS = 60_000_000_000L;

    private final UserNetworkConfig config;
    private final Subnet subnet;
    private final NetLoop loop;
    private final Counters counters;
    private final Neighbours neighbours;
    private final GuestLink link;
    private final Reassembly reassembly = new Reassembly();
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
        this.config = config;
        this.loop = loop;
        this.sockets = sockets;
        this.counters = counters;
        subnet = config.subnet();
        neighbours = new Neighbours(subnet);
        link = new GuestLink(toGuest, subnet, neighbours, counters, config.mtu());
        neighbours.onLearned(link::sendHeld);
        NameServers servers = NameServers.of(config, loop::now);
        Gate gate = new Gate(config, servers, counters);
        dhcp = new DhcpServer(subnet, config.mtu(), link, neighbours);
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

    /** Handles a frame of the guest with its vnet header. */
    void input(byte[] from, int at, int length) {
        counters.count(FRAMES_FROM_GUEST);
        int ethernet = at + VnetHeader.SIZE;
        int size = length - VnetHeader.SIZE;
        if (size < Ethernet.SIZE) {
            counters.count(MALFORMED);
            return;
        }
        counters.add(BYTES_FROM_GUEST, size);
        long destination = Bytes.getMac(from, ethernet + Ethernet.DESTINATION);
        if (destination != subnet.mac() && (destination & Ethernet.GROUP_BIT) == 0) return; // not for this station
        int payload = ethernet + Ethernet.SIZE;
        switch (Bytes.getShort(from, ethernet + Ethernet.TYPE)) {
            case Ethernet.TYPE_IPV4 -> inputIpv4(from, at, payload, size - Ethernet.SIZE);
            case Ethernet.TYPE_ARP -> neighbours.input(from, payload, size - Ethernet.SIZE, link);
            default -> counters.count(UNSUPPORTED);
        }
    }

    private void inputIpv4(byte[] from, int frame, int ip, int available) {
        if (!isValidIpv4(from, ip, available)) {
            counters.count(MALFORMED);
            return;
        }
        int source = Bytes.getInt(from, ip + Ipv4.SOURCE);
        int header = headerLength(from, ip);
        int length = Bytes.getShort(from, ip + Ipv4.TOTAL_LENGTH) - header;
        if (!subnet.isGuest(source)) {
            if (source == Ipv4Address.ANY) inputWithoutAddress(from, ip, ip + header, length);
            else counters.count(MALFORMED);
            return;
        }
        neighbours.learn(source, Bytes.getMac(from, frame + VnetHeader.SIZE + Ethernet.SOURCE));
        if ((Bytes.getShort(from, ip + Ipv4.FRAGMENT) & (Ipv4.MORE_FRAGMENTS | Ipv4.FRAGMENT_OFFSET_MASK)) != 0) {
            byte[] whole = reassembly.input(from, ip, ip + header, length, loop.now());
            if (whole != null) route(whole, 0, Ipv4.SIZE, Bytes.getShort(whole, Ipv4.TOTAL_LENGTH) - Ipv4.SIZE, false);
            return;
        }
        boolean checksumDone = (from[frame + VnetHeader.FLAGS] & VnetHeader.F_NEEDS_CSUM) != 0;
        route(from, ip, ip + header, length, checksumDone);
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
    private void inputWithoutAddress(byte[] from, int ip, int at, int length) {
        if (Bytes.getByte(from, ip + Ipv4.PROTOCOL) == Ipv4.UDP) inputUdp(from, ip, at, length, true, true);
    }

    private void route(byte[] from, int ip, int at, int length, boolean checksumDone) {
        int destination = Bytes.getInt(from, ip + Ipv4.DESTINATION);
        boolean local = subnet.contains(destination) || !Ipv4Address.isUnicast(destination);
        if (!local && Bytes.getByte(from, ip + Ipv4.TTL) <= 1) {
            link.sendIcmpError(Icmp.TIME_EXCEEDED, 0, from, ip);
            return;
        }
        boolean taken = switch (Bytes.getByte(from, ip + Ipv4.PROTOCOL)) {
            case Ipv4.TCP -> !isUnicastTarget(destination) || tcp.input(from, ip, at, length, checksumDone);
            case Ipv4.UDP -> inputUdp(from, ip, at, length, checksumDone, false);
            case Ipv4.ICMP -> inputIcmp(from, ip, at, length);
            default -> unsupported(from, ip, destination);
        };
        if (!taken) counters.count(MALFORMED);
    }

    private boolean isUnicastTarget(int destination) {
        return Ipv4Address.isUnicast(destination) && destination != subnet.broadcast();
    }

    private boolean unsupported(byte[] from, int ip, int destination) {
        counters.count(UNSUPPORTED);
        if (isUnicastTarget(destination)) {
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PROTOCOL_UNREACHABLE, from, ip);
        }
        return true;
    }

    /**
     * Answers echo requests to the network's own addresses. Other addresses cannot be reached by
     * ICMP.
     */
    private boolean inputIcmp(byte[] from, int ip, int at, int length) {
        if (length < Icmp.SIZE || Bytes.checksum(Bytes.sum(from, at, length, 0)) != 0) return false;
        if (Bytes.getByte(from, at + Icmp.TYPE) != Icmp.ECHO) return true;
        int destination = Bytes.getInt(from, ip + Ipv4.DESTINATION);
        if (!subnet.isOwn(destination)) {
            if (isUnicastTarget(destination)) link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PROHIBITED, from, ip);
            return true;
        }
        int guest = Bytes.getInt(from, ip + Ipv4.SOURCE);
        if (length > config.mtu() - Ipv4.SIZE || !link.begin(destination, guest, Ipv4.ICMP, length)) return true;
        byte[] to = link.bytes();
        System.arraycopy(from, at, to, link.payload(), length);
        Bytes.putByte(to, link.payload() + Icmp.TYPE, Icmp.ECHO_REPLY);
        link.endIcmp(length);
        return true;
    }

    private boolean inputUdp(byte[] from, int ip, int at, int length, boolean checksumDone, boolean withoutAddress) {
        if (length < Udp.SIZE) return false;
        int size = Bytes.getShort(from, at + Udp.LENGTH);
        if (size < Udp.SIZE || size > length) return false;
        int source = Bytes.getInt(from, ip + Ipv4.SOURCE);
        int destination = Bytes.getInt(from, ip + Ipv4.DESTINATION);
        if (!checksumDone && Bytes.getShort(from, at + Udp.CHECKSUM) != 0) {
            long sum = GuestLink.pseudoSum(source, destination, Ipv4.UDP, size);
            if (Bytes.checksum(Bytes.sum(from, at, size, sum)) != 0) return false;
        }
        int data = at + Udp.SIZE;
        int sourcePort = Bytes.getShort(from, at + Udp.SOURCE_PORT);
        int port = Bytes.getShort(from, at + Udp.DESTINATION_PORT);
        boolean everybody = destination == Ipv4Address.BROADCAST || destination == subnet.broadcast();
        if (port == DhcpServer.SERVER_PORT && (everybody || destination == subnet.host())) {
            return dhcp.input(from, data, size - Udp.SIZE);
        }
        if (withoutAddress || !isUnicastTarget(destination)) return true; // nobody here listens to many
        ByteBuffer datagram = ByteBuffer.wrap(from, data, size - Udp.SIZE);
        if (destination == subnet.dns() && port == NetPolicy.DNS_PORT) {
            if (!dns.input(source, sourcePort, datagram)) {
                link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PROHIBITED, from, ip);
            }
        } else {
            udp.input(from, ip, sourcePort, port, datagram);
        }
        return true;
    }
}
