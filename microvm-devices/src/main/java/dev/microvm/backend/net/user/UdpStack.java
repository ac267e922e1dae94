package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.DROPPED_FROM_GUEST;
import static dev.microvm.backend.net.user.NetCounter.FLOWS_EVICTED;
import static dev.microvm.backend.net.user.NetCounter.OVER_LIMIT;
import static dev.microvm.backend.net.user.NetCounter.UDP_FROM_GUEST;
import static dev.microvm.backend.net.user.NetCounter.UDP_TO_GUEST;

import dev.microvm.backend.net.user.Headers.Icmp;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Udp;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.PortUnreachableException;
import java.net.SocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The UDP flows of a network. Each flow that the guest begins has its own connected socket, so that
 * only its peer can answer, and its errors are reported. For the network's thread.
 */
final class UdpStack {
    private static final int FIRST_EPHEMERAL = 49_152; // RFC 6335, 6
    private static final int EPHEMERALS = 65_536 - FIRST_EPHEMERAL;
    private static final int BATCH = 32; // datagrams of one socket in a turn

    private final NetLoop loop;
    private final GuestLink link;
    private final Gate gate;
    private final Counters counters;
    private final UserNetworkConfig config;
    private final SocketBudget sockets;
    private final FlowTable<UdpFlow> table;
    private final FlowAges<UdpFlow> owners = new FlowAges<>(); // flows with a socket of their own
    private final FlowAges<UdpFlow> forwarded = new FlowAges<>(); // flows on the socket of a port forward
    private final byte[] received = new byte[Udp.MAX_PAYLOAD];
    private final ByteBuffer receiveBuffer = ByteBuffer.wrap(received);
    private final List<Forward> forwards = new ArrayList<>();
    private int nextEphemeral;

    UdpStack(
            NetLoop loop,
            GuestLink link,
            Gate gate,
            Counters counters,
            UserNetworkConfig config,
            SocketBudget sockets) {
        this.loop = loop;
        this.link = link;
        this.gate = gate;
        this.counters = counters;
        this.config = config;
        this.sockets = sockets;
        table = new FlowTable<>(config.maxUdpFlows());
    }

    NetLoop loop() {
        return loop;
    }

    long timeout() {
        return config.udpTimeout().toNanos();
    }

    int flows() {
        return table.size();
    }

    /**
     * Handles a datagram of the guest to an address other than the network's own.
     *
     * @param packet offset of its IPv4 header, for errors that quote it
     * @param datagram data of the datagram
     */
    void input(byte[] from, int packet, int sourcePort, int destinationPort, ByteBuffer datagram) {
        int source = Bytes.getInt(from, packet + Ipv4.SOURCE);
        int destination = Bytes.getInt(from, packet + Ipv4.DESTINATION);
        UdpFlow flow = table.find(source, sourcePort, destination, destinationPort);
        if (flow == null) flow = begin(new UdpFlow.Key(source, sourcePort, destination, destinationPort), from, packet);
        if (flow == null) return;
        use(flow);
        try {
            if (!flow.send(datagram)) counters.count(DROPPED_FROM_GUEST);
        } catch (PortUnreachableException e) {
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PORT_UNREACHABLE, from, packet);
        } catch (IOException e) {
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.HOST_UNREACHABLE, from, packet);
        }
    }

    private @Nullable UdpFlow begin(UdpFlow.Key key, byte[] from, int packet) {
        counters.count(UDP_FROM_GUEST);
        InetSocketAddress target = gate.target(Protocol.UDP, key.peerAddress(), key.peerPort());
        if (target == null) {
            if (config.subnet().isOwn(key.peerAddress())) {
                link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PORT_UNREACHABLE, from, packet);
            }
            return null;
        }
        if (!gate.allows(
                Protocol.UDP, key.guestAddress(), key.guestPort(), key.peerAddress(), key.peerPort(), target)) {
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PROHIBITED, from, packet);
            return null;
        }
        if (!gate.admits(loop.now())) {
            counters.count(OVER_LIMIT);
            return null;
        }
        if (!sockets.take()) {
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.HOST_UNREACHABLE, from, packet);
            return null;
        }
        DatagramChannel channel;
        try {
            channel = DatagramChannel.open();
        } catch (IOException e) {
            sockets.failed(e);
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.HOST_UNREACHABLE, from, packet);
            return null;
        }
        try {
            return open(channel, key, target);
        } catch (IOException e) {
            link.sendIcmpError(Icmp.UNREACHABLE, Icmp.HOST_UNREACHABLE, from, packet);
            return null;
        }
    }

    private UdpFlow open(DatagramChannel channel, UdpFlow.Key key, InetSocketAddress target) throws IOException {
        try {
            channel.connect(target);
            UdpFlow flow = new UdpFlow(this, channel, null, key, () -> expire(key));
            loop.register(channel, SelectionKey.OP_READ, ready -> receive(flow));
            add(flow);
            return flow;
        } catch (IOException | RuntimeException e) {
            NetLoop.closeQuietly(channel);
            sockets.give();
            throw e;
        }
    }

    /** Sends received datagrams of a flow that the guest began. */
    private void receive(UdpFlow flow) {
        try {
            for (int left = BATCH; left > 0; left--) {
                if (flow.channel().receive(receiveBuffer.clear()) == null) return;
                use(flow);
                sendToGuest(flow, receiveBuffer.position());
            }
        } catch (PortUnreachableException e) {
            sendPortUnreachable(flow);
        } catch (IOException e) {
            end(flow);
        }
    }

    private void sendToGuest(UdpFlow flow, int length) {
        link.sendUdp(flow.peerAddress, flow.peerPort, flow.guestAddress, flow.guestPort, received, 0, length);
    }

    /** Sends an error about a datagram that is no longer available, with reconstructed headers. */
    private void sendPortUnreachable(UdpFlow flow) {
        byte[] quoted = new byte[Ipv4.SIZE + Udp.SIZE];
        Bytes.putByte(quoted, Ipv4.VERSION_IHL, Ipv4.VERSION_4_NO_OPTIONS);
        Bytes.putShort(quoted, Ipv4.TOTAL_LENGTH, quoted.length);
        Bytes.putByte(quoted, Ipv4.TTL, Ipv4.DEFAULT_TTL);
        Bytes.putByte(quoted, Ipv4.PROTOCOL, Ipv4.UDP);
        Bytes.putInt(quoted, Ipv4.SOURCE, flow.guestAddress);
        Bytes.putInt(quoted, Ipv4.DESTINATION, flow.peerAddress);
        Bytes.putShort(quoted, Ipv4.CHECKSUM, Bytes.checksum(Bytes.sum(quoted, 0, Ipv4.SIZE, 0)));
        Bytes.putShort(quoted, Ipv4.SIZE + Udp.SOURCE_PORT, flow.guestPort);
        Bytes.putShort(quoted, Ipv4.SIZE + Udp.DESTINATION_PORT, flow.peerPort);
        Bytes.putShort(quoted, Ipv4.SIZE + Udp.LENGTH, Udp.SIZE);
        link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PORT_UNREACHABLE, quoted, 0);
    }

    private void add(UdpFlow flow) {
        if (table.size() >= config.maxUdpFlows()) {
            counters.count(OVER_LIMIT);
            counters.count(FLOWS_EVICTED);
            evictOldestOfAll();
        }
        table.add(flow);
        ages(flow).add(flow);
    }

    private void use(UdpFlow flow) {
        flow.use(loop.now());
        ages(flow).use(flow);
    }

    private FlowAges<UdpFlow> ages(UdpFlow flow) {
        return flow.client() == null ? owners : forwarded;
    }

    private void evictOldestOfAll() {
        UdpFlow own = owners.oldest();
        UdpFlow other = forwarded.oldest();
        if (other == null || (own != null && own.lastUsed() - other.lastUsed() <= 0)) evictOldest();
        else end(other);
    }

    /** Ends the oldest flow that has a socket; returns false if there is none. */
    boolean evictOldest() {
        UdpFlow oldest = owners.oldest();
        if (oldest != null) end(oldest);
        return oldest != null;
    }

    private void expire(UdpFlow.Key key) {
        UdpFlow flow = table.find(key.guestAddress(), key.guestPort(), key.peerAddress(), key.peerPort());
        if (flow != null) end(flow);
    }

    private void end(UdpFlow flow) {
        flow.close();
        table.remove(flow);
        ages(flow).remove(flow);
        SocketAddress client = flow.client();
        if (client == null) sockets.give();
        else forwards.forEach(forward -> forward.flows.remove(client, flow));
    }

    // ---- port forwards

    /** Forwards datagrams that arrive at a socket of the host to the guest. */
    void forward(DatagramChannel channel, int guestAddress, int guestPort) throws IOException {
        Forward forward = new Forward(channel, guestAddress, guestPort);
        loop.register(channel, SelectionKey.OP_READ, ready -> forward.receive());
        forwards.add(forward);
    }

    private final class Forward {
        private final DatagramChannel channel;
        private final int guestAddress;
        private final int guestPort;
        private final Map<SocketAddress, UdpFlow> flows = new HashMap<>();

        private Forward(DatagramChannel channel, int guestAddress, int guestPort) {
            this.channel = channel;
            this.guestAddress = guestAddress;
            this.guestPort = guestPort;
        }

        private void receive() {
            try {
                for (int left = BATCH; left > 0; left--) {
                    SocketAddress client = channel.receive(receiveBuffer.clear());
                    if (client == null) return;
                    UdpFlow flow = flows.get(client);
                    if (flow == null) flow = begin(client);
                    if (flow == null) continue;
                    use(flow);
                    sendToGuest(flow, receiveBuffer.position());
                }
            } catch (IOException e) {
                // of one datagram; the socket goes on
            }
        }

        private @Nullable UdpFlow begin(SocketAddress client) {
            int host = config.subnet().host();
            int port = freePort(host);
            if (port == 0) {
                counters.count(OVER_LIMIT);
                return null;
            }
            counters.count(UDP_TO_GUEST);
            UdpFlow.Key key = new UdpFlow.Key(guestAddress, guestPort, host, port);
            UdpFlow flow = new UdpFlow(UdpStack.this, channel, client, key, () -> expire(key));
            add(flow);
            flows.put(client, flow);
            return flow;
        }

        private int freePort(int host) {
            for (int tries = 0; tries < EPHEMERALS; tries++) {
                int port = FIRST_EPHEMERAL + nextEphemeral++ % EPHEMERALS;
                if (table.find(guestAddress, guestPort, host, port) == null) return port;
            }
            return 0;
        }
    }
}
