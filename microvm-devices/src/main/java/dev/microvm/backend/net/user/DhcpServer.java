package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.microvm.backend.net.user.Headers.Ethernet;
import dev.microvm.backend.net.user.Headers.Ipv4;
import java.util.Arrays;

/**
 * A DHCP server, which gives the guest its address: RFC 2131 and RFC 2132. For the network's
 * thread.
 */
final class DhcpServer {
    static final int SERVER_PORT = 67;
    static final int CLIENT_PORT = 68;

    // The message: RFC 2131, 2. Offsets in bytes.
    private static final int OP = 0;
    private static final int HARDWARE_TYPE = 1;
    private static final int HARDWARE_LENGTH = 2;
    private static final int FLAGS = 10;
    private static final int CLIENT_ADDRESS = 12; // ciaddr
    private static final int YOUR_ADDRESS = 16; // yiaddr
    private static final int SERVER_ADDRESS = 20; // siaddr
    private static final int CLIENT_HARDWARE = 28; // chaddr
    private static final int COOKIE = 236;
    private static final int OPTIONS = 240;
    private static final int MIN_SIZE = 300; // of BOOTP: RFC 1542, 2.1

    /** The largest message that each client takes, in bytes: RFC 2131, 2. */
    static final int MAX_SIZE = 548;

    /** The options of {@link #reply} without names: five of 6 bytes, type, MTU and the end. */
    static final int SIZE_WITHOUT_NAMES = OPTIONS + 5 * 6 + 3 + 4 + 1;

    private static final int REQUEST_OP = 1;
    private static final int REPLY_OP = 2;
    private static final int ETHERNET = 1;
    private static final int MAC_SIZE = 6;
    private static final int BROADCAST_FLAG = 0x8000;
    private static final int MAGIC_COOKIE = 0x6382_5363; // RFC 2131, 3

    private static final int PAD = 0; // options: RFC 2132
    private static final int SUBNET_MASK = 1;
    private static final int ROUTER = 3;
    private static final int NAME_SERVER = 6;
    private static final int INTERFACE_MTU = 26;
    private static final int REQUESTED_ADDRESS = 50;
    private static final int LEASE_TIME = 51;
    private static final int MESSAGE_TYPE = 53;
    private static final int SERVER_ID = 54;
    private static final int MESSAGE = 56;
    private static final int END = 255;

    private static final int DISCOVER = 1; // message types: RFC 2132, 9.6
    private static final int OFFER = 2;
    private static final int REQUEST = 3;
    private static final int DECLINE = 4;
    private static final int ACK = 5;
    private static final int NAK = 6;
    private static final int INFORM = 8;

    private static final int LEASE_SECONDS = 86_400; // as QEMU's
    private static final int MAX_LEASES = 64;
    private static final byte[] NOT_YOURS = "not an address of yours".getBytes(US_ASCII);

    private final Subnet subnet;
    private final int mtu;
    private final byte[] names;
    private final GuestLink link;
    private final Neighbours neighbours;
    private final long[] clients = new long[MAX_LEASES]; // Ethernet addresses; 0 is free
    private final int[] addresses = new int[MAX_LEASES];
    private int oldest;

    private int type; // of the message that is read
    private int requested;
    private int server;

    DhcpServer(Subnet subnet, int mtu, DhcpNames names, GuestLink link, Neighbours neighbours) {
        this.subnet = subnet;
        this.mtu = mtu;
        this.names = names.options();
        this.link = link;
        this.neighbours = neighbours;
        int address = subnet.firstGuest();
        for (int i = 0; i < MAX_LEASES; i++) {
            while (subnet.contains(address) && !subnet.isGuest(address)) address++;
            addresses[i] = subnet.isGuest(address) ? address++ : Ipv4Address.ANY;
        }
    }

    /** Handles a message of the guest; returns whether it is a DHCP message. */
    boolean input(byte[] from, int at, int length) {
        if (length < OPTIONS
                || Bytes.getByte(from, at + OP) != REQUEST_OP
                || Bytes.getByte(from, at + HARDWARE_TYPE) != ETHERNET
                || Bytes.getByte(from, at + HARDWARE_LENGTH) != MAC_SIZE
                || Bytes.getInt(from, at + COOKIE) != MAGIC_COOKIE
                || !readOptions(from, at + OPTIONS, at + length)) return false;
        long mac = Bytes.getMac(from, at + CLIENT_HARDWARE);
        if (mac == 0 || (mac & Ethernet.GROUP_BIT) != 0) return false;
        switch (type) {
            case DISCOVER -> reply(OFFER, lease(mac), mac, from, at);
            case REQUEST -> request(mac, from, at);
            case INFORM -> reply(ACK, Ipv4Address.ANY, mac, from, at);
            case DECLINE -> decline(mac);
            default -> {} // RELEASE: the guest will get the same address again
        }
        return true;
    }

    private void request(long mac, byte[] from, int at) {
        if (server != Ipv4Address.ANY && server != subnet.host()) return; // it chose another server
        int wanted = requested != Ipv4Address.ANY ? requested : Bytes.getInt(from, at + CLIENT_ADDRESS);
        int lease = lease(mac);
        if (wanted == lease && lease != Ipv4Address.ANY) {
            neighbours.learn(lease, mac);
            reply(ACK, lease, mac, from, at);
        } else {
            reply(NAK, Ipv4Address.ANY, mac, from, at);
        }
    }

    /**
     * Returns the address of a client: the one it has, a free one, or the one given longest ago.
     */
    private int lease(long mac) {
        int free = -1;
        for (int i = MAX_LEASES - 1; i >= 0; i--) {
            if (clients[i] == mac) return addresses[i];
            if (clients[i] == 0 && addresses[i] != Ipv4Address.ANY) free = i;
        }
        while (free < 0) {
            int candidate = oldest++ % MAX_LEASES;
            if (addresses[candidate] != Ipv4Address.ANY) free = candidate;
        }
        clients[free] = mac;
        return addresses[free];
    }

    /** Marks an address as used by another host, so that the client gets another one. */
    private void decline(long mac) {
        for (int i = 0; i < MAX_LEASES; i++) {
            if (clients[i] == mac) clients[i] = Ethernet.BROADCAST; // nobody's, until it is the oldest
        }
    }

    private boolean readOptions(byte[] from, int begin, int end) {
        type = 0;
        requested = Ipv4Address.ANY;
        server = Ipv4Address.ANY;
        int at = begin;
        while (at < end) {
            int code = Bytes.getByte(from, at++);
            if (code == END) break;
            if (code == PAD) continue;
            if (at >= end) return false;
            int size = Bytes.getByte(from, at++);
            if (at + size > end) return false;
            if (code == MESSAGE_TYPE && size == 1) type = Bytes.getByte(from, at);
            if (code == REQUESTED_ADDRESS && size == Integer.BYTES) requested = Bytes.getInt(from, at);
            if (code == SERVER_ID && size == Integer.BYTES) server = Bytes.getInt(from, at);
            at += size;
        }
        return type != 0;
    }

    private void reply(int replyType, int yours, long mac, byte[] from, int at) {
        byte[] message = new byte[MAX_SIZE]; // rare, so it may allocate
        System.arraycopy(from, at, message, 0, COOKIE); // what is not changed below is the client's
        int client = Bytes.getInt(from, at + CLIENT_ADDRESS);
        Bytes.putByte(message, OP, REPLY_OP);
        Bytes.putInt(message, YOUR_ADDRESS, yours);
        Bytes.putInt(message, SERVER_ADDRESS, subnet.host());
        Arrays.fill(message, CLIENT_HARDWARE + 16, COOKIE, (byte) 0); // no server's name, no boot file
        Bytes.putInt(message, COOKIE, MAGIC_COOKIE);
        int end = OPTIONS;
        message[end++] = MESSAGE_TYPE;
        message[end++] = 1;
        message[end++] = (byte) replyType;
        end = option(message, end, SERVER_ID, subnet.host());
        if (replyType == NAK) {
            message[end++] = MESSAGE;
            message[end++] = (byte) NOT_YOURS.length;
            System.arraycopy(NOT_YOURS, 0, message, end, NOT_YOURS.length);
            end += NOT_YOURS.length;
        } else {
            if (yours != Ipv4Address.ANY) end = option(message, end, LEASE_TIME, LEASE_SECONDS);
            end = option(message, end, SUBNET_MASK, subnet.mask());
            end = option(message, end, ROUTER, subnet.host());
            end = option(message, end, NAME_SERVER, subnet.dns());
            message[end++] = INTERFACE_MTU;
            message[end++] = Short.BYTES;
            Bytes.putShort(message, end, mtu);
            end += Short.BYTES;
            System.arraycopy(names, 0, message, end, names.length);
            end += names.length;
        }
        message[end++] = (byte) END;
        // RFC 2131, 4.1: to the client's address if it has one, else to the one that it gets, if it can take that.
        boolean broadcast = (Bytes.getShort(message, FLAGS) & BROADCAST_FLAG) != 0 || replyType == NAK;
        int to = !broadcast && client != Ipv4Address.ANY ? client : broadcast ? Ipv4Address.BROADCAST : yours;
        send(to, broadcast ? Ethernet.BROADCAST : mac, message, Math.max(end, MIN_SIZE));
    }

    private static int option(byte[] message, int at, int code, int value) {
        message[at] = (byte) code;
        message[at + 1] = Integer.BYTES;
        Bytes.putInt(message, at + 2, value);
        return at + 2 + Integer.BYTES;
    }

    private void send(int to, long mac, byte[] message, int length) {
        if (!link.begin(subnet.host(), to, mac, Ipv4.UDP, Headers.Udp.SIZE + length)) return;
        link.endUdp(SERVER_PORT, CLIENT_PORT, message, 0, length);
    }
}
