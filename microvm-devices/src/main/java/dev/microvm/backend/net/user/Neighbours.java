package dev.microvm.backend.net.user;

import dev.microvm.backend.net.user.Headers.Arp;
import dev.microvm.backend.net.user.Headers.Ethernet;

/**
 * The Ethernet addresses of the guest, learned from its frames, and its ARP traffic. For one
 * thread.
 */
final class Neighbours {
    static final long UNKNOWN = -1;

    private static final int SIZE = 64; // a guest has one address, or some more for containers in it

    private final Subnet subnet;
    private final int[] addresses = new int[SIZE];
    private final long[] macs = new long[SIZE];
    private int known;
    private int oldest;
    private Runnable learned = () -> {};

    Neighbours(Subnet subnet) {
        this.subnet = subnet;
    }

    /** Sets the action to run when an address becomes known. */
    void onLearned(Runnable action) {
        learned = action;
    }

    long find(int address) {
        int i = index(address);
        return i < 0 ? UNKNOWN : macs[i];
    }

    /** Learns the Ethernet address of an IPv4 address of the guest. */
    void learn(int address, long mac) {
        if (!subnet.isGuest(address) || (mac & Ethernet.GROUP_BIT) != 0) return;
        int i = index(address);
        if (i >= 0) {
            macs[i] = mac;
            return;
        }
        i = known < SIZE ? known++ : oldest++ % SIZE;
        addresses[i] = address;
        macs[i] = mac;
        learned.run();
    }

    /** Returns all that is known: addresses, each with its Ethernet address. */
    long[] saved() {
        long[] all = new long[2 * known];
        for (int i = 0; i < known; i++) {
            all[2 * i] = addresses[i];
            all[2 * i + 1] = macs[i];
        }
        return all;
    }

    /** Learns what {@link #saved} returned. */
    void restore(long[] all) {
        for (int i = 0; i + 1 < all.length; i += 2) learn((int) all[i], all[i + 1]);
    }

    /** Handles an ARP packet of the guest; returns whether it is valid. */
    boolean input(byte[] from, int at, int length, GuestLink link) {
        if (length < Arp.SIZE
                || Bytes.getShort(from, at + Arp.HARDWARE) != Arp.HARDWARE_ETHERNET
                || Bytes.getShort(from, at + Arp.PROTOCOL) != Ethernet.TYPE_IPV4
                || Bytes.getByte(from, at + Arp.HARDWARE_SIZE) != Long.BYTES - Short.BYTES
                || Bytes.getByte(from, at + Arp.PROTOCOL_SIZE) != Integer.BYTES) return false;
        int sender = Bytes.getInt(from, at + Arp.SENDER_IP);
        long senderMac = Bytes.getMac(from, at + Arp.SENDER_MAC);
        learn(sender, senderMac);
        int target = Bytes.getInt(from, at + Arp.TARGET_IP);
        if (Bytes.getShort(from, at + Arp.OPERATION) == Arp.REQUEST && subnet.isOwn(target)) {
            send(link, Arp.REPLY, target, senderMac, senderMac, sender);
        }
        return true;
    }

    /** Asks the guest for the Ethernet address of one of its IPv4 addresses. */
    void ask(int address, GuestLink link) {
        if (subnet.isGuest(address)) send(link, Arp.REQUEST, subnet.host(), Ethernet.BROADCAST, 0, address);
    }

    private void send(GuestLink link, int operation, int own, long toMac, long targetMac, int target) {
        int at = link.beginRaw(toMac, Ethernet.TYPE_ARP, Arp.SIZE);
        if (at == FrameRing.NONE) return;
        byte[] to = link.bytes();
        Bytes.putShort(to, at + Arp.HARDWARE, Arp.HARDWARE_ETHERNET);
        Bytes.putShort(to, at + Arp.PROTOCOL, Ethernet.TYPE_IPV4);
        Bytes.putByte(to, at + Arp.HARDWARE_SIZE, Long.BYTES - Short.BYTES);
        Bytes.putByte(to, at + Arp.PROTOCOL_SIZE, Integer.BYTES);
        Bytes.putShort(to, at + Arp.OPERATION, operation);
        Bytes.putMac(to, at + Arp.SENDER_MAC, subnet.mac());
        Bytes.putInt(to, at + Arp.SENDER_IP, own);
        Bytes.putMac(to, at + Arp.TARGET_MAC, targetMac);
        Bytes.putInt(to, at + Arp.TARGET_IP, target);
        link.endRaw(Arp.SIZE);
    }

    private int index(int address) {
        for (int i = 0; i < known; i++) if (addresses[i] == address) return i;
        return -1;
    }
}
