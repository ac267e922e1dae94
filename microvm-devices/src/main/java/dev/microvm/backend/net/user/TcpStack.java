package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.OVER_LIMIT;
import static dev.microvm.backend.net.user.NetCounter.TCP_FROM_GUEST;
import static dev.microvm.backend.net.user.NetCounter.TCP_REFUSED;
import static dev.microvm.backend.net.user.NetCounter.TCP_RETRANSMITTED;
import static dev.microvm.backend.net.user.NetCounter.TCP_TO_GUEST;

import dev.microvm.backend.net.user.Headers.Icmp;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SocketChannel;
import java.util.ArrayDeque;
import java.util.HashSet;
import java.util.Queue;
import java.util.Set;
import java.util.stream.LongStream;
import org.jspecify.annotations.Nullable;

/**
 * The TCP connections of a network. It passes segments to connections and has what all connections
 * share. For the network's thread.
 */
final class TcpStack {
    private static final int FIRST_EPHEMERAL = 49_152; // RFC 6335, 6
    private static final int SAVED_NUMBERS = 6; // of a connection
    private static final int EPHEMERALS = 65_536 - FIRST_EPHEMERAL;

    private final NetLoop loop;
    private final GuestLink link;
    private final Gate gate;
    private final Counters counters;
    private final UserNetworkConfig config;
    private final SocketBudget sockets;
    private final MemoryBudget budget;
    private final TcpSegment segment = new TcpSegment();
    private final FlowTable<TcpConnection> table;
    private final Set<TcpConnection> open = new HashSet<>(); // with those of which only the host's side goes on
    private final Queue<TcpConnection> touched = new ArrayDeque<>();
    private final FlowAges<TcpConnection> opening = new FlowAges<>(); // not established, oldest first
    private final FlowAges<TcpConnection> established = new FlowAges<>(); // all others with a socket
    private int nextEphemeral;

    TcpStack(
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
        budget = new MemoryBudget(config.bufferBytes());
        table = new FlowTable<>(config.maxTcpConnections());
    }

    NetLoop loop() {
        return loop;
    }

    GuestLink link() {
        return link;
    }

    MemoryBudget budget() {
        return budget;
    }

    int windowLimit() {
        return config.windowBytes();
    }

    long connectTimeout() {
        return config.connectTimeout().toNanos();
    }

    /** Returns the maximum segment size that the MTU allows, in bytes. */
    int mss() {
        return link.mtu() - Ipv4.SIZE - Tcp.SIZE;
    }

    /** Returns the number of connections that hold a socket or memory. */
    int connections() {
        return open.size();
    }

    /**
     * Handles a segment of the guest.
     *
     * @param packet offset of its IPv4 header, for errors that quote it
     * @return whether it was a valid segment
     */
    boolean input(byte[] from, int packet, int at, int size, boolean checksumDone) {
        int source = Bytes.getInt(from, packet + Ipv4.SOURCE);
        int destination = Bytes.getInt(from, packet + Ipv4.DESTINATION);
        if (!segment.parse(from, at, size, source, destination, checksumDone)) return false;
        TcpConnection connection = table.find(source, segment.sourcePort, destination, segment.destinationPort);
        boolean begins = (segment.flags & (Tcp.SYN | Tcp.ACK | Tcp.RST)) == Tcp.SYN;
        if (connection != null && begins && connection.inTimeWait()) { // RFC 9293, 3.10.7.4: it may begin anew
            connection.makeWay();
            connection = null;
        }
        if (connection != null) connection.input(segment);
        else if (begins) begin(source, destination, from, packet);
        else if (!segment.has(Tcp.RST)) refuse(source, destination);
        return true;
    }

    private void begin(int source, int destination, byte[] from, int packet) {
        counters.count(TCP_FROM_GUEST);
        SocketAddress service = config.service(destination, segment.destinationPort);
        SocketAddress target = service == null ? targetOnHost(source, destination, from, packet) : service;
        if (target == null) return; // it was answered
        if (open.size() >= config.maxTcpConnections() || !gate.admits(loop.now())) {
            counters.count(OVER_LIMIT); // the guest may try again: it hears nothing
            return;
        }
        SocketChannel channel = openSocket(target);
        if (channel == null) {
            refuse(source, destination);
            return;
        }
        TcpConnection connection =
                new TcpConnection(this, channel, source, segment.sourcePort, destination, segment.destinationPort);
        add(connection);
        connection.open(segment, target);
    }

    /** Returns where the current segment leads; if nowhere, answers it and returns null. */
    private @Nullable SocketAddress targetOnHost(int source, int destination, byte[] from, int packet) {
        InetSocketAddress target = gate.target(Protocol.TCP, destination, segment.destinationPort);
        if (target == null) {
            refuse(source, destination);
            return null;
        }
        if (gate.allows(Protocol.TCP, source, segment.sourcePort, destination, segment.destinationPort, target)) {
            return target;
        }
        link.sendIcmpError(Icmp.UNREACHABLE, Icmp.PROHIBITED, from, packet);
        return null;
    }

    private @Nullable SocketChannel openSocket(SocketAddress target) {
        if (!sockets.take()) return null;
        try {
            return target instanceof UnixDomainSocketAddress
                    ? SocketChannel.open(StandardProtocolFamily.UNIX)
                    : SocketChannel.open();
        } catch (IOException e) {
            sockets.failed(e);
            return null;
        }
    }

    /** Connects a connection to a forwarded port of the host with the guest. */
    void accept(SocketChannel channel, int guestAddress, int guestPort) {
        int port = open.size() < config.maxTcpConnections() ? freePort(guestAddress, guestPort) : 0;
        if (port == 0) counters.count(OVER_LIMIT);
        if (port == 0 || !sockets.take()) {
            NetLoop.closeQuietly(channel);
            return;
        }
        counters.count(TCP_TO_GUEST);
        int host = config.subnet().host();
        TcpConnection connection = new TcpConnection(this, channel, guestAddress, guestPort, host, port);
        add(connection);
        try {
            connection.accept();
        } catch (IOException e) {
            connection.reset(); // it went as soon as it came
        }
    }

    private int freePort(int guestAddress, int guestPort) {
        for (int tries = 0; tries < EPHEMERALS; tries++) {
            int port = FIRST_EPHEMERAL + nextEphemeral++ % EPHEMERALS;
            if (table.find(guestAddress, guestPort, config.subnet().host(), port) == null) return port;
        }
        return 0;
    }

    private void add(TcpConnection connection) {
        table.add(connection);
        open.add(connection);
        opening.add(connection);
    }

    // ---- sockets

    /** Notes that a connection is established. */
    void established(TcpConnection connection) {
        opening.remove(connection);
        established.add(connection);
    }

    /** Notes that bytes of an established connection came from either side. */
    void used(TcpConnection connection) {
        established.use(connection);
    }

    /** Notes that the socket of a connection was closed. */
    void socketClosed(TcpConnection connection) {
        (connection.wasEstablished() ? established : opening).remove(connection);
        sockets.give();
    }

    /**
     * Resets the connection that has waited longest to be established; returns false if there is
     * none.
     */
    boolean evictOldestOpening() {
        return evict(opening.oldest());
    }

    /**
     * Resets the established connection whose last use is longest ago, if that is at least
     * {@code idleNanos}; otherwise returns false.
     */
    boolean evictOldestEstablished(long idleNanos) {
        TcpConnection oldest = established.oldest();
        return oldest != null && loop.now() - oldest.lastUsed() >= idleNanos && evict(oldest);
    }

    private static boolean evict(@Nullable TcpConnection connection) {
        if (connection == null) return false;
        connection.evict();
        return true;
    }

    /** Queues a connection for {@link #flush} at the end of this turn. */
    void touch(TcpConnection connection) {
        if (connection.queued) return;
        connection.queued = true;
        touched.add(connection);
    }

    /**
     * Flushes the queued connections. Those for which the link has no room wait for the next turn.
     */
    void flush() {
        for (int left = touched.size(); left > 0; left--) {
            TcpConnection connection = touched.remove();
            connection.queued = false;
            if (!connection.flush()) touch(connection);
        }
    }

    /** Removes a connection whose guest side has ended, so that its addresses are free. */
    void remove(TcpConnection connection) {
        table.remove(connection);
    }

    /** Notes that both sides of a connection have ended. */
    void released(TcpConnection connection) {
        open.remove(connection);
    }

    void countRetransmission() {
        counters.count(TCP_RETRANSMITTED);
    }

    // ---- moved to another network

    /** Returns what {@link #probe} needs of the connections that the guest has. */
    long[] saved() {
        return open.stream()
                .filter(TcpConnection::isGuests)
                .flatMapToLong(each -> LongStream.of(
                        each.guestAddress,
                        each.guestPort,
                        each.peerAddress,
                        each.peerPort,
                        each.unacknowledged(),
                        each.acknowledgment()))
                .toArray();
    }

    /**
     * Sends a probe on each connection that another network had: a segment that the guest has
     * received before, which it answers by an acknowledgement (RFC 9293, 3.8.4). That finds no
     * connection here and so is answered by a reset.
     */
    void probe(long[] connections) {
        if (connections.length % SAVED_NUMBERS != 0) throw new IllegalArgumentException("connections cut short");
        for (int i = 0; i < connections.length; i += SAVED_NUMBERS) {
            if (!link.beginOrDrop((int) connections[i + 2], (int) connections[i], Ipv4.TCP, Tcp.SIZE)) continue;
            writeHeader(
                    (int) connections[i + 3],
                    (int) connections[i + 1],
                    (int) connections[i + 4] - 1,
                    (int) connections[i + 5],
                    Tcp.ACK,
                    0,
                    Tcp.SIZE);
            link.endTcp(Tcp.SIZE, Tcp.SIZE, mss());
        }
    }

    // ---- segments to the guest

    /**
     * Tells the guest that the host's side could not connect, because it was refused or has no
     * route.
     */
    void connectFailed(TcpConnection connection, int acknowledgment, boolean refused) {
        counters.count(TCP_REFUSED);
        if (refused) sendRefusal(connection, acknowledgment);
        else sendUnreachable(connection, acknowledgment - 1);
    }

    /** Refuses the guest's SYN. */
    void sendRefusal(TcpConnection connection, int acknowledgment) {
        sendBare(connection, 0, acknowledgment, Tcp.RST | Tcp.ACK);
    }

    /**
     * Sends an ICMP error that quotes the addresses, ports and sequence number of the guest's SYN:
     * RFC 5927, 4.
     */
    private void sendUnreachable(TcpConnection connection, int sequence) {
        byte[] quoted = new byte[Ipv4.SIZE + Icmp.QUOTED];
        Bytes.putByte(quoted, Ipv4.VERSION_IHL, Ipv4.VERSION_4_NO_OPTIONS);
        Bytes.putShort(quoted, Ipv4.TOTAL_LENGTH, Ipv4.SIZE + Tcp.SIZE);
        Bytes.putByte(quoted, Ipv4.TTL, Ipv4.DEFAULT_TTL);
        Bytes.putByte(quoted, Ipv4.PROTOCOL, Ipv4.TCP);
        Bytes.putInt(quoted, Ipv4.SOURCE, connection.guestAddress);
        Bytes.putInt(quoted, Ipv4.DESTINATION, connection.peerAddress);
        Bytes.putShort(quoted, Ipv4.CHECKSUM, Bytes.checksum(Bytes.sum(quoted, 0, Ipv4.SIZE, 0)));
        Bytes.putShort(quoted, Ipv4.SIZE + Tcp.SOURCE_PORT, connection.guestPort);
        Bytes.putShort(quoted, Ipv4.SIZE + Tcp.DESTINATION_PORT, connection.peerPort);
        Bytes.putInt(quoted, Ipv4.SIZE + Tcp.SEQUENCE, sequence);
        link.sendIcmpError(Icmp.UNREACHABLE, Icmp.HOST_UNREACHABLE, quoted, 0);
    }

    /**
     * Answers the current segment by a reset, because it belongs to no connection: RFC 9293,
     * 3.10.7.1.
     */
    private void refuse(int guest, int peer) {
        boolean acknowledges = segment.has(Tcp.ACK);
        int sequence = acknowledges ? segment.acknowledgment : 0;
        int acknowledgment = acknowledges ? 0 : segment.sequence + segment.sequenceLength();
        int flags = acknowledges ? Tcp.RST : Tcp.RST | Tcp.ACK;
        if (!link.beginOrDrop(peer, guest, Ipv4.TCP, Tcp.SIZE)) return;
        writeHeader(segment.destinationPort, segment.sourcePort, sequence, acknowledgment, flags, 0, Tcp.SIZE);
        link.endTcp(Tcp.SIZE, Tcp.SIZE, mss());
    }

    void sendReset(TcpConnection connection, int sequence) {
        sendBare(connection, sequence, connection.acknowledgment(), Tcp.RST | Tcp.ACK);
    }

    private void sendBare(TcpConnection connection, int sequence, int acknowledgment, int flags) {
        if (!link.beginOrDrop(connection.peerAddress, connection.guestAddress, Ipv4.TCP, Tcp.SIZE)) return;
        writeHeader(connection.peerPort, connection.guestPort, sequence, acknowledgment, flags, 0, Tcp.SIZE);
        link.endTcp(Tcp.SIZE, Tcp.SIZE, mss());
    }

    /** Sends a SYN with its options; returns false if there is no room. */
    boolean sendSyn(TcpConnection connection, int sequence, int acknowledgment, int flags, int window, int scale) {
        boolean scaled = scale != TcpSegment.NO_SCALE;
        int header = Tcp.SIZE + Tcp.OPTION_MSS_SIZE + (scaled ? Integer.BYTES : 0);
        if (!link.begin(connection.peerAddress, connection.guestAddress, Ipv4.TCP, header)) return false;
        writeHeader(connection.peerPort, connection.guestPort, sequence, acknowledgment, flags, window, header);
        byte[] to = link.bytes();
        int option = link.payload() + Tcp.SIZE;
        Bytes.putByte(to, option, Tcp.OPTION_MSS);
        Bytes.putByte(to, option + 1, Tcp.OPTION_MSS_SIZE);
        Bytes.putShort(to, option + 2, mss());
        if (scaled) {
            Bytes.putByte(to, option + Tcp.OPTION_MSS_SIZE, Tcp.OPTION_NOP); // so that the header is of whole words
            Bytes.putByte(to, option + Tcp.OPTION_MSS_SIZE + 1, Tcp.OPTION_SCALE);
            Bytes.putByte(to, option + Tcp.OPTION_MSS_SIZE + 2, Tcp.OPTION_SCALE_SIZE);
            Bytes.putByte(to, option + Tcp.OPTION_MSS_SIZE + 3, scale);
        }
        link.endTcp(header, header, mss());
        return true;
    }

    /**
     * Sends a segment with {@code length} bytes of data, {@code distance} after the first byte that
     * is not acknowledged; returns false if there is no room.
     */
    boolean sendSegment(TcpConnection connection, int sequence, int flags, int distance, int length) {
        int size = Tcp.SIZE + length;
        if (!link.begin(connection.peerAddress, connection.guestAddress, Ipv4.TCP, size)) return false;
        int window = connection.window();
        writeHeader(
                connection.peerPort,
                connection.guestPort,
                sequence,
                connection.acknowledgment(),
                flags,
                window,
                Tcp.SIZE);
        connection.copyData(distance, link.bytes(), link.payload() + Tcp.SIZE, length);
        link.endTcp(size, Tcp.SIZE, connection.mss());
        return true;
    }

    private void writeHeader(
            int fromPort, int toPort, int sequence, int acknowledgment, int flags, int window, int header) {
        byte[] to = link.bytes();
        int at = link.payload();
        Bytes.putShort(to, at + Tcp.SOURCE_PORT, fromPort);
        Bytes.putShort(to, at + Tcp.DESTINATION_PORT, toPort);
        Bytes.putInt(to, at + Tcp.SEQUENCE, sequence);
        Bytes.putInt(to, at + Tcp.ACKNOWLEDGMENT, acknowledgment);
        Bytes.putByte(to, at + Tcp.DATA_OFFSET, (header / Integer.BYTES) << 4);
        Bytes.putByte(to, at + Tcp.FLAGS, flags);
        Bytes.putShort(to, at + Tcp.WINDOW, Math.min(window, Tcp.MAX_WINDOW));
        Bytes.putShort(to, at + Tcp.CHECKSUM, 0);
        Bytes.putShort(to, at + Tcp.URGENT, 0);
    }
}
