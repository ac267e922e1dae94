package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Arp;
import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Icmp;
import dev.microvm.backend.net.user.Headers.Ipv4;
import dev.microvm.backend.net.user.Headers.Tcp;
import dev.microvm.backend.net.user.Headers.Udp;

/** Frames as the guest 10.0.2.15 sends them, without a vnet header. */
final class GuestFrames {
    static final long MAC = 0x0200_5e10_0001L;
    static final int GUEST = Ipv4Address.parse("10.0.2.15");
    static final int HOST = Ipv4Address.parse("10.0.2.2");
    static final int DNS = Ipv4Address.parse("10.0.2.3");
    static final int OUTSIDE = Ipv4Address.parse("192.0.2.9");
    static final int PORT = 80;

    private static final int IP = Ethernet.SIZE;
    private static final int PAYLOAD = IP + Ipv4.SIZE;

    private GuestFrames() {}

    static byte[] arpRequest() {
        byte[] frame = ethernet(Ethernet.TYPE_ARP, Arp.SIZE);
        Bytes.putMac(frame, Ethernet.DESTINATION, Ethernet.BROADCAST);
        Bytes.putShort(frame, IP + Arp.HARDWARE, Arp.HARDWARE_ETHERNET);
        Bytes.putShort(frame, IP + Arp.PROTOCOL, Ethernet.TYPE_IPV4);
        Bytes.putByte(frame, IP + Arp.HARDWARE_SIZE, 6);
        Bytes.putByte(frame, IP + Arp.PROTOCOL_SIZE, 4);
        Bytes.putShort(frame, IP + Arp.OPERATION, Arp.REQUEST);
        Bytes.putMac(frame, IP + Arp.SENDER_MAC, MAC);
        Bytes.putInt(frame, IP + Arp.SENDER_IP, GUEST);
        Bytes.putInt(frame, IP + Arp.TARGET_IP, HOST);
        return frame;
    }

    static byte[] ping(int size) {
        byte[] frame = ipv4(Ipv4.ICMP, GUEST, HOST, Icmp.SIZE + size);
        Bytes.putByte(frame, PAYLOAD + Icmp.TYPE, Icmp.ECHO);
        return fixChecksums(frame);
    }

    static byte[] dhcpDiscover() {
        byte[] message = new byte[244];
        message[0] = 1;
        message[1] = 1;
        message[2] = 6;
        Bytes.putMac(message, 28, MAC);
        Bytes.putInt(message, 236, 0x6382_5363);
        message[240] = 53;
        message[241] = 1;
        message[242] = 1;
        message[243] = (byte) 255;
        return udp(0, 68, Ipv4Address.BROADCAST, 67, message);
    }

    /** A datagram to the name server's address. */
    static byte[] udp(int fromPort, int toPort, byte[] data) {
        return udp(GUEST, fromPort, DNS, toPort, data);
    }

    static byte[] udp(int from, int fromPort, int to, int toPort, byte[] data) {
        byte[] frame = ipv4(Ipv4.UDP, from, to, Udp.SIZE + data.length);
        Bytes.putShort(frame, PAYLOAD + Udp.SOURCE_PORT, fromPort);
        Bytes.putShort(frame, PAYLOAD + Udp.DESTINATION_PORT, toPort);
        Bytes.putShort(frame, PAYLOAD + Udp.LENGTH, Udp.SIZE + data.length);
        System.arraycopy(data, 0, frame, PAYLOAD + Udp.SIZE, data.length);
        return fixChecksums(frame);
    }

    /** A segment to the host's address. */
    static byte[] tcp(int fromPort, int toPort, int sequence, int acknowledgment, int flags, byte[] data) {
        return tcp(HOST, fromPort, toPort, sequence, acknowledgment, flags, data);
    }

    static byte[] tcp(int to, int fromPort, int toPort, int sequence, int acknowledgment, int flags, byte[] data) {
        byte[] frame = ipv4(Ipv4.TCP, GUEST, to, Tcp.SIZE + data.length);
        Bytes.putShort(frame, PAYLOAD + Tcp.SOURCE_PORT, fromPort);
        Bytes.putShort(frame, PAYLOAD + Tcp.DESTINATION_PORT, toPort);
        Bytes.putInt(frame, PAYLOAD + Tcp.SEQUENCE, sequence);
        Bytes.putInt(frame, PAYLOAD + Tcp.ACKNOWLEDGMENT, acknowledgment);
        Bytes.putByte(frame, PAYLOAD + Tcp.DATA_OFFSET, 5 << 4);
        Bytes.putByte(frame, PAYLOAD + Tcp.FLAGS, flags);
        Bytes.putShort(frame, PAYLOAD + Tcp.WINDOW, 0xffff);
        System.arraycopy(data, 0, frame, PAYLOAD + Tcp.SIZE, data.length);
        return fixChecksums(frame);
    }

    /**
     * Sets the checksums of an IPv4 frame to what they should be, as far as its headers make sense.
     */
    static byte[] fixChecksums(byte[] frame) {
        if (frame.length < PAYLOAD || Bytes.getByte(frame, IP) >>> 4 != Ipv4.VERSION_4) return frame;
        int header = (Bytes.getByte(frame, IP) & 0xf) * Integer.BYTES;
        int length = Bytes.getShort(frame, IP + Ipv4.TOTAL_LENGTH) - header;
        if (header < Ipv4.SIZE || length < 0 || IP + header + length > frame.length) return frame;
        put(frame, IP + Ipv4.CHECKSUM, IP, header, 0);
        int protocol = Bytes.getByte(frame, IP + Ipv4.PROTOCOL);
        int payload = IP + header;
        long pseudo = GuestLink.pseudoSum(
                Bytes.getInt(frame, IP + Ipv4.SOURCE), Bytes.getInt(frame, IP + Ipv4.DESTINATION), protocol, length);
        if (protocol == Ipv4.TCP && length >= Tcp.SIZE) put(frame, payload + Tcp.CHECKSUM, payload, length, pseudo);
        if (protocol == Ipv4.UDP && length >= Udp.SIZE) put(frame, payload + Udp.CHECKSUM, payload, length, pseudo);
        if (protocol == Ipv4.ICMP && length >= Icmp.SIZE) put(frame, payload + Icmp.CHECKSUM, payload, length, 0);
        return frame;
    }

    private static void put(byte[] frame, int field, int from, int length, long sum) {
        Bytes.putShort(frame, field, 0);
        Bytes.putShort(frame, field, Bytes.checksum(Bytes.sum(frame, from, length, sum)));
    }

    private static byte[] ipv4(int protocol, int from, int to, int payload) {
        byte[] frame = ethernet(Ethernet.TYPE_IPV4, Ipv4.SIZE + payload);
        Bytes.putByte(frame, IP, Ipv4.VERSION_4_NO_OPTIONS);
        Bytes.putShort(frame, IP + Ipv4.TOTAL_LENGTH, Ipv4.SIZE + payload);
        Bytes.putByte(frame, IP + Ipv4.TTL, 64);
        Bytes.putByte(frame, IP + Ipv4.PROTOCOL, protocol);
        Bytes.putInt(frame, IP + Ipv4.SOURCE, from);
        Bytes.putInt(frame, IP + Ipv4.DESTINATION, to);
        return frame;
    }

    private static byte[] ethernet(int type, int payload) {
        byte[] frame = new byte[Ethernet.SIZE + payload];
        Bytes.putMac(frame, Ethernet.DESTINATION, 0x5255_0a00_0202L);
        Bytes.putMac(frame, Ethernet.SOURCE, MAC);
        Bytes.putShort(frame, Ethernet.TYPE, type);
        return frame;
    }
}
