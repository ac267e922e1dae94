package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.BYTES_TO_GUEST;
import static dev.microvm.backend.net.user.NetCounter.DROPPED_TO_GUEST;
import static dev.microvm.backend.net.user.NetCounter.FRAMES_TO_GUEST;

import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.VnetHeader;
import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Icmp;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;
import dev.microvm.backend.net.user.Headers.Udp;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.Set;

/**
 * The link to the guest. Packets are written in place into the ring that the guest's device reads:
 * {@link #begin} reserves room and writes the lower headers, the caller writes the payload at
 * {@link #payload} in {@link #bytes}, and an {@code end} method completes the packet. For the
 * network's thread, except {@link #offloads}.
 */
final class GuestLink {
    private static final int LOWER_HEADERS = VnetHeader.SIZE + Ethernet.SIZE + Ipv4.SIZE;

    private static final int MOST_HELD = 8; // datagrams: RFC 1122, 2.3.2.2, says one at least

    /** A datagram that waits for the Ethernet address of the guest. */
    @SuppressWarnings("ArrayRecordComponent") // nobody compares them
    private record Held(int source, int sourcePort, int destination, int destinationPort, byte[] data) {}

    private final FrameRing ring;
    private final Subnet subnet;
    private final Neighbours neighbours;
    private final Counters counters;
    private final int mtu;
    private volatile boolean checksumOffload;
    private volatile boolean segmentOffload;
    private final Deque<Held> held = new ArrayDeque<>();
    private int frame; // of the packet that is being written
    private int identification;

    GuestLink(FrameRing ring, Subnet subnet, Neighbours neighbours, Counters counters, int mtu) {
        this.ring = ring;
        this.subnet = subnet;
        this.neighbours = neighbours;
        this.counters = counters;
        this.mtu = mtu;
    }

    /** Sets the offloads that the guest accepts. Any thread may call. */
    void offloads(Set<NetOffload> accepted) {
        checksumOffload = accepted.contains(NetOffload.CHECKSUM);
        segmentOffload = checksumOffload && accepted.contains(NetOffload.TSO4);
    }

    int mtu() {
        return mtu;
    }

    /**
     * Returns the largest TCP payload of a packet for the guest. It is more than a segment if the
     * guest segments packets itself.
     */
    int maxTcpPayload(int mss) {
        if (!segmentOffload) return mss;
        int most = Ipv4.MAX_LENGTH - Ipv4.SIZE - Tcp.SIZE;
        return most - most % mss;
    }

    /** Returns whether the guest has taken all frames. */
    boolean isDrained() {
        return ring.isEmpty();
    }

    byte[] bytes() {
        return ring.bytes();
    }

    /** Returns the offset in {@link #bytes} of the IPv4 payload of the current packet. */
    int payload() {
        return frame + LOWER_HEADERS;
    }

    /**
     * Begins a frame other than IPv4, with {@code length} bytes after its Ethernet header; returns
     * their offset, or NONE if there is no room.
     */
    int beginRaw(long destinationMac, int type, int length) {
        frame = ring.claim(VnetHeader.SIZE + Ethernet.SIZE + length);
        if (frame == FrameRing.NONE) {
            counters.count(DROPPED_TO_GUEST);
            return FrameRing.NONE;
        }
        writeEthernet(destinationMac, type);
        return frame + VnetHeader.SIZE + Ethernet.SIZE;
    }

    void endRaw(int length) {
        commit(VnetHeader.SIZE + Ethernet.SIZE + length);
    }

    /**
     * Begins an IPv4 packet of up to {@code maxPayload} bytes.
     *
     * @return false if there is no room, or if the Ethernet address of the guest is not known; the
     *     link then asks for it
     */
    boolean begin(int source, int destination, int protocol, int maxPayload) {
        long mac = neighbours.find(destination);
        if (mac == Neighbours.UNKNOWN) {
            neighbours.ask(destination, this);
            return false;
        }
        return begin(source, destination, mac, protocol, maxPayload);
    }

    /** Does the same for a packet that is not sent later instead, and counts it if it is lost. */
    boolean beginOrDrop(int source, int destination, int protocol, int maxPayload) {
        if (begin(source, destination, protocol, maxPayload)) return true;
        counters.count(DROPPED_TO_GUEST);
        return false;
    }

    /**
     * Begins an IPv4 packet of up to {@code maxPayload} bytes to an Ethernet address; returns false
     * if there is no room.
     */
    boolean begin(int source, int destination, long mac, int protocol, int maxPayload) {
        frame = ring.claim(LOWER_HEADERS + maxPayload);
        if (frame == FrameRing.NONE) return false;
        writeEthernet(mac, Ethernet.TYPE_IPV4);
        byte[] to = ring.bytes();
        int ip = frame + VnetHeader.SIZE + Ethernet.SIZE;
        Bytes.putShort(to, ip + Ipv4.VERSION_IHL, Ipv4.VERSION_4_NO_OPTIONS << Byte.SIZE);
        Bytes.putShort(to, ip + Ipv4.IDENTIFICATION, identification++);
        Bytes.putShort(to, ip + Ipv4.FRAGMENT, Ipv4.DONT_FRAGMENT);
        Bytes.putByte(to, ip + Ipv4.TTL, Ipv4.DEFAULT_TTL);
        Bytes.putByte(to, ip + Ipv4.PROTOCOL, protocol);
        Bytes.putInt(to, ip + Ipv4.SOURCE, source);
        Bytes.putInt(to, ip + Ipv4.DESTINATION, destination);
        return true;
    }

    /** Ends a packet whose payload needs no further checksum. */
    void end(int payloadLength) {
        writeLength(payloadLength);
        commit(LOWER_HEADERS + payloadLength);
    }

    /**
     * Ends a TCP packet of header and data with its checksum. The guest segments a packet that is
     * larger than a segment.
     *
     * @param headerLength length of the TCP header with its options, in bytes
     */
    void endTcp(int length, int headerLength, int mss) {
        writeLength(length);
        if (length - headerLength > mss) {
            byte[] to = ring.bytes();
            Bytes.putByte(to, frame + VnetHeader.GSO_TYPE, VnetHeader.GSO_TCPV4);
            putLittleShort(VnetHeader.GSO_SIZE, mss);
            putLittleShort(VnetHeader.HDR_LEN, Ethernet.SIZE + Ipv4.SIZE + headerLength);
            leaveChecksum(Ipv4.TCP, length, Tcp.CHECKSUM);
        } else {
            writeChecksum(Ipv4.TCP, length, Tcp.CHECKSUM);
        }
        commit(LOWER_HEADERS + length);
    }

    /**
     * Sends a datagram, in fragments if it is larger than the MTU. Fragments without room are lost.
     */
    void sendUdp(int source, int sourcePort, int destination, int destinationPort, byte[] data, int at, int length) {
        int total = Udp.SIZE + length;
        if (neighbours.find(destination) == Neighbours.UNKNOWN && held.size() < MOST_HELD) {
            byte[] copy = Arrays.copyOfRange(data, at, at + length);
            held.add(new Held(source, sourcePort, destination, destinationPort, copy));
            neighbours.ask(destination, this);
        } else if (total > mtu - Ipv4.SIZE) {
            sendUdpFragments(source, sourcePort, destination, destinationPort, data, at, length);
        } else if (beginOrDrop(source, destination, Ipv4.UDP, total)) {
            endUdp(sourcePort, destinationPort, data, at, length);
        }
    }

    /** Sends the waiting datagrams whose Ethernet address is known now. */
    void sendHeld() {
        for (int left = held.size(); left > 0; left--) {
            Held each = held.remove();
            sendUdp(
                    each.source,
                    each.sourcePort,
                    each.destination,
                    each.destinationPort,
                    each.data,
                    0,
                    each.data.length);
        }
    }

    /** Ends a UDP datagram that fits into one packet. */
    void endUdp(int sourcePort, int destinationPort, byte[] data, int at, int length) {
        byte[] to = ring.bytes();
        int udp = payload();
        writeUdpHeader(to, udp, sourcePort, destinationPort, Udp.SIZE + length);
        System.arraycopy(data, at, to, udp + Udp.SIZE, length);
        writeLength(Udp.SIZE + length);
        writeChecksum(Ipv4.UDP, Udp.SIZE + length, Udp.CHECKSUM);
        commit(LOWER_HEADERS + Udp.SIZE + length);
    }

    private void sendUdpFragments(
            int source, int sourcePort, int destination, int destinationPort, byte[] data, int at, int length) {
        byte[] datagram = new byte[Udp.SIZE + length]; // rare, so it may allocate
        writeUdpHeader(datagram, 0, sourcePort, destinationPort, datagram.length);
        System.arraycopy(data, at, datagram, Udp.SIZE, length);
        long sum = pseudoSum(source, destination, Ipv4.UDP, datagram.length);
        int checksum = Bytes.checksum(Bytes.sum(datagram, 0, datagram.length, sum));
        Bytes.putShort(datagram, Udp.CHECKSUM, checksum == 0 ? 0xffff : checksum);
        sendFragments(source, destination, Ipv4.UDP, datagram);
    }

    /** Sends an IPv4 payload that is larger than the MTU. Fragments without room are lost. */
    private void sendFragments(int source, int destination, int protocol, byte[] payload) {
        int most = (mtu - Ipv4.SIZE) & -Ipv4.FRAGMENT_UNIT;
        int id = identification++;
        for (int done = 0; done < payload.length; done += most) {
            int part = Math.min(most, payload.length - done);
            if (!beginOrDrop(source, destination, protocol, part)) return;
            System.arraycopy(payload, done, ring.bytes(), payload(), part);
            int ip = frame + VnetHeader.SIZE + Ethernet.SIZE;
            int more = done + part < payload.length ? Ipv4.MORE_FRAGMENTS : 0;
            Bytes.putShort(ring.bytes(), ip + Ipv4.FRAGMENT, more | (done / Ipv4.FRAGMENT_UNIT));
            Bytes.putShort(ring.bytes(), ip + Ipv4.IDENTIFICATION, id);
            end(part);
        }
    }

    /**
     * Answers an echo request with the same data, in fragments if it is larger than the MTU: RFC
     * 1122, 3.2.2.6.
     */
    void sendEchoReply(int source, int destination, byte[] request, int at, int length) {
        if (length > mtu - Ipv4.SIZE) {
            byte[] reply = Arrays.copyOfRange(request, at, at + length); // rare, so it may allocate
            finishEchoReply(reply, 0, length);
            sendFragments(source, destination, Ipv4.ICMP, reply);
        } else if (beginOrDrop(source, destination, Ipv4.ICMP, length)) {
            System.arraycopy(request, at, ring.bytes(), payload(), length);
            finishEchoReply(ring.bytes(), payload(), length);
            end(length);
        }
    }

    private static void finishEchoReply(byte[] to, int icmp, int length) {
        Bytes.putByte(to, icmp + Icmp.TYPE, Icmp.ECHO_REPLY);
        writeIcmpChecksum(to, icmp, length);
    }

    /**
     * Sends an ICMP error about a packet of the guest.
     *
     * @param packet offset of its IPv4 header in {@code from}
     */
    void sendIcmpError(int type, int code, byte[] from, int packet) {
        int quoted = Math.min(
                Bytes.getShort(from, packet + Ipv4.TOTAL_LENGTH),
                Integer.BYTES * (Bytes.getByte(from, packet) & 0xf) + Icmp.QUOTED);
        int destination = Bytes.getInt(from, packet + Ipv4.SOURCE);
        if (!beginOrDrop(subnet.host(), destination, Ipv4.ICMP, Icmp.SIZE + quoted)) return;
        byte[] to = ring.bytes();
        int icmp = payload();
        Bytes.putByte(to, icmp + Icmp.TYPE, type);
        Bytes.putByte(to, icmp + Icmp.CODE, code);
        Bytes.putInt(to, icmp + Icmp.REST, 0);
        System.arraycopy(from, packet, to, icmp + Icmp.SIZE, quoted);
        writeIcmpChecksum(to, icmp, Icmp.SIZE + quoted);
        end(Icmp.SIZE + quoted);
    }

    private static void writeIcmpChecksum(byte[] to, int icmp, int length) {
        Bytes.putShort(to, icmp + Icmp.CHECKSUM, 0);
        Bytes.putShort(to, icmp + Icmp.CHECKSUM, Bytes.checksum(Bytes.sum(to, icmp, length, 0)));
    }

    /** Returns the sum of the pseudo header: RFC 9293, 3.1; RFC 768. */
    static long pseudoSum(int source, int destination, int protocol, int length) {
        return Integer.toUnsignedLong(source) + Integer.toUnsignedLong(destination) + protocol + length;
    }

    private static void writeUdpHeader(byte[] to, int udp, int sourcePort, int destinationPort, int length) {
        Bytes.putShort(to, udp + Udp.SOURCE_PORT, sourcePort);
        Bytes.putShort(to, udp + Udp.DESTINATION_PORT, destinationPort);
        Bytes.putShort(to, udp + Udp.LENGTH, length);
        Bytes.putShort(to, udp + Udp.CHECKSUM, 0);
    }

    private void writeEthernet(long destinationMac, int type) {
        byte[] to = ring.bytes();
        Bytes.putInt(to, frame, 0); // the vnet header: nothing to do, whole
        Bytes.putInt(to, frame + Integer.BYTES, 0);
        Bytes.putInt(to, frame + 2 * Integer.BYTES, 0);
        int ethernet = frame + VnetHeader.SIZE;
        Bytes.putMac(to, ethernet + Ethernet.DESTINATION, destinationMac);
        Bytes.putMac(to, ethernet + Ethernet.SOURCE, subnet.mac());
        Bytes.putShort(to, ethernet + Ethernet.TYPE, type);
    }

    private void writeLength(int payloadLength) {
        byte[] to = ring.bytes();
        int ip = frame + VnetHeader.SIZE + Ethernet.SIZE;
        Bytes.putShort(to, ip + Ipv4.TOTAL_LENGTH, Ipv4.SIZE + payloadLength);
        Bytes.putShort(to, ip + Ipv4.CHECKSUM, 0);
        Bytes.putShort(to, ip + Ipv4.CHECKSUM, Bytes.checksum(Bytes.sum(to, ip, Ipv4.SIZE, 0)));
    }

    private void writeChecksum(int protocol, int length, int field) {
        if (checksumOffload) {
            leaveChecksum(protocol, length, field);
            return;
        }
        byte[] to = ring.bytes();
        int at = payload();
        Bytes.putShort(to, at + field, 0);
        int checksum = Bytes.checksum(Bytes.sum(to, at, length, pseudoSum(protocol, length)));
        // 0 would mean that there is none: RFC 768. TCP may have either zero.
        Bytes.putShort(to, at + field, checksum == 0 ? 0xffff : checksum);
    }

    /** Leaves the checksum to the guest: VIRTIO 1.2, 5.1.6.4.2. */
    private void leaveChecksum(int protocol, int length, int field) {
        byte[] to = ring.bytes();
        Bytes.putShort(to, payload() + field, Bytes.fold(pseudoSum(protocol, length)));
        Bytes.putByte(to, frame + VnetHeader.FLAGS, VnetHeader.F_NEEDS_CSUM);
        putLittleShort(VnetHeader.CSUM_START, Ethernet.SIZE + Ipv4.SIZE);
        putLittleShort(VnetHeader.CSUM_OFFSET, field);
    }

    private long pseudoSum(int protocol, int length) {
        int ip = frame + VnetHeader.SIZE + Ethernet.SIZE;
        byte[] to = ring.bytes();
        return pseudoSum(Bytes.getInt(to, ip + Ipv4.SOURCE), Bytes.getInt(to, ip + Ipv4.DESTINATION), protocol, length);
    }

    private void putLittleShort(int field, int value) {
        Bytes.putShort(ring.bytes(), frame + field, Short.reverseBytes((short) value));
    }

    private void commit(int length) {
        ring.commit(frame, length);
        counters.count(FRAMES_TO_GUEST);
        counters.add(BYTES_TO_GUEST, length - VnetHeader.SIZE);
    }
}
