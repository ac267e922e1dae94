package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Ipv4;
import java.nio.ByteBuffer;

/**
 * Rows of packets of a guest that knows the protocols, as bytes for the fuzzer: each begins with
 * its kind. Where the fuzzer would have to find addresses, ports and checksums, they are right.
 */
final class PacketScript {
    private static final int DHCP = 0;
    private static final int DNS = 1;
    private static final int FRAGMENT = 2;
    private static final int PING = 3;
    private static final int TCP = 4;
    private static final int UDP = 5;
    private static final int TIME = 6;
    private static final int KINDS = 7;

    private static final int MOST_PACKETS = 256;
    private static final int MOST_DATA = 1500;
    private static final int STEP_MILLIS = 100;
    private static final int PORTS = 32; // of the guest, so that packets meet again

    private final StackRig rig;
    private final int tcpPort;
    private final int udpPort;

    /** Makes a script's guest, whose packets to the host go to these ports of its loopback. */
    PacketScript(StackRig rig, int tcpPort, int udpPort) {
        this.rig = rig;
        this.tcpPort = tcpPort;
        this.udpPort = udpPort;
    }

    /** Sends the packets of a script. */
    void run(byte[] script, Runnable afterEach) {
        ByteBuffer from = ByteBuffer.wrap(script);
        for (int i = 0; i < MOST_PACKETS && from.remaining() >= Integer.BYTES; i++) {
            send(Byte.toUnsignedInt(from.get()), Byte.toUnsignedInt(from.get()), Short.toUnsignedInt(from.getShort()), from);
            afterEach.run();
        }
    }

    private void send(int kind, int small, int number, ByteBuffer from) {
        switch (kind % KINDS) {
            case DHCP -> rig.send(dhcp(take(from, small)));
            case DNS -> rig.send(GuestFrames.udp(1000 + number % PORTS, NetPolicy.DNS_PORT, take(from, small)));
            case FRAGMENT -> rig.send(fragment(small, number, take(from, 8 * (kind / KINDS))));
            case PING -> rig.send(GuestFrames.ping(number % MOST_DATA));
            case TCP -> {
                byte[] segment = GuestFrames.tcp(
                        2000 + number % PORTS, tcpPort, number >>> 5, number >>> 8, small, take(from, kind / KINDS));
                if ((number & 1) != 0) rig.aim(segment);
                rig.send(GuestFrames.fixChecksums(segment));
            }
            case UDP ->
                rig.send(GuestFrames.udp(
                        GuestFrames.GUEST, 3000 + number % PORTS, GuestFrames.HOST, udpPort, take(from, small)));
            case TIME -> rig.pass(small * STEP_MILLIS);
            default -> throw new AssertionError(kind);
        }
    }

    private static byte[] take(ByteBuffer from, int most) {
        byte[] bytes = new byte[Math.min(most, from.remaining())];
        from.get(bytes);
        return bytes;
    }

    /** A DHCP message with these options behind its type, which is their first byte. */
    private static byte[] dhcp(byte[] options) {
        byte[] frame = GuestFrames.dhcpDiscover();
        int message = Ethernet.SIZE + Ipv4.SIZE + Headers.Udp.SIZE;
        int fixed = frame.length - message - 1; // without the end
        byte[] longer = new byte[fixed + options.length];
        System.arraycopy(frame, message, longer, 0, fixed);
        if (options.length > 0) {
            longer[fixed - 1] = options[0];
            System.arraycopy(options, 1, longer, fixed, options.length - 1);
        }
        return GuestFrames.udp(0, DhcpServer.CLIENT_PORT, Ipv4Address.BROADCAST, DhcpServer.SERVER_PORT, longer);
    }

    /** A part of a packet: its place and whether more follow, its protocol and number. */
    private static byte[] fragment(int small, int place, byte[] data) {
        byte[] frame = GuestFrames.udp(GuestFrames.GUEST, 1, GuestFrames.HOST, 1, data);
        Bytes.putShort(frame, Ethernet.SIZE + Ipv4.FRAGMENT, place);
        Bytes.putShort(frame, Ethernet.SIZE + Ipv4.IDENTIFICATION, small >>> 2);
        int protocol = (small & 1) == 0 ? Ipv4.ICMP : (small & 2) == 0 ? Ipv4.UDP : Ipv4.TCP;
        Bytes.putByte(frame, Ethernet.SIZE + Ipv4.PROTOCOL, protocol);
        return GuestFrames.fixChecksums(frame);
    }
}
