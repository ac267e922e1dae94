package dev.microvm.backend.net.user;

/**
 * The addresses of a guest's network.
 *
 * @param base its first address
 * @param prefix how many bits all its addresses share, 8 to 29
 * @param host the router's, which is also the host's
 * @param dns the name server's
 * @param firstGuest the first that is given to guests
 */
record Subnet(int base, int prefix, int host, int dns, int firstGuest) {
    private static final long MAC_PREFIX = 0x5255L << 32; // as QEMU's user network: 52:55, then the IPv4 address

    int mask() {
        return -1 << (Integer.SIZE - prefix);
    }

    int broadcast() {
        return base | ~mask();
    }

    boolean contains(int address) {
        return (address & mask()) == base;
    }

    /** Whether it is an address of the network itself, not of a guest's. */
    boolean isOwn(int address) {
        return address == host || address == dns;
    }

    /** Whether a guest may have it. */
    boolean isGuest(int address) {
        return contains(address) && !isOwn(address) && address != base && address != broadcast();
    }

    /** The Ethernet address of the router, and of the name server in it. */
    long mac() {
        return MAC_PREFIX | Integer.toUnsignedLong(host);
    }
}
