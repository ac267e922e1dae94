package dev.microvm.backend.net.user;

/**
 * The addresses of a guest's network.
 *
 * @param base first address of the network
 * @param prefix number of bits that all its addresses share, 8 to 29; 0 for a network of all addresses
 * @param host address of the router, which is also that of the host
 * @param dns address of the name server
 * @param firstGuest first address for guests
 */
record Subnet(int base, int prefix, int host, int dns, int firstGuest) {
    private static final long MAC_PREFIX = 0x5255L << 32; // as QEMU's user network: 52:55, then the IPv4 address

    int mask() {
        return prefix == 0 ? 0 : -1 << (Integer.SIZE - prefix);
    }

    int broadcast() {
        return base | ~mask();
    }

    boolean contains(int address) {
        return (address & mask()) == base;
    }

    /** Returns whether it is an address of the network itself, not of a guest. */
    boolean isOwn(int address) {
        return address == host || address == dns;
    }

    /** Returns whether a guest may have the address. */
    boolean isGuest(int address) {
        return contains(address) && !isOwn(address) && address != base && address != broadcast();
    }

    /** Returns the Ethernet address of the router, which is also that of the name server. */
    long mac() {
        return MAC_PREFIX | Integer.toUnsignedLong(host);
    }
}
