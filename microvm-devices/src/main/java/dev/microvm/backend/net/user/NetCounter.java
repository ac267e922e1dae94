package dev.microvm.backend.net.user;

/** The counters of a {@link UserNetwork}. All count from its creation. */
public enum NetCounter {
    /** Frames from the guest. */
    FRAMES_FROM_GUEST,
    /** Bytes of the frames from the guest. */
    BYTES_FROM_GUEST,
    /** Frames to the guest. */
    FRAMES_TO_GUEST,
    /** Bytes of the frames to the guest. */
    BYTES_TO_GUEST,
    /**
     * Frames and packets of the guest that are malformed, have a wrong checksum or have a source
     * address that is not the guest's.
     */
    MALFORMED,
    /** Packets of protocols that are not supported, such as IPv6 and ping to the outside. */
    UNSUPPORTED,
    /**
     * Frames and packets of the guest that nobody waits for: for another station, to many, ICMP
     * other than ping.
     */
    IGNORED,
    /**
     * Packets of the guest that came in fragments and were dropped: fragments that overlap or do
     * not fit, that did not come within 30 s, or belong to too many packets at once.
     */
    FRAGMENTS_DROPPED,
    /** Datagrams of the guest that were dropped because the host's socket had no room. */
    DROPPED_FROM_GUEST,
    /** Packets to the guest that were dropped, for lack of room or of an Ethernet address. */
    DROPPED_TO_GUEST,
    /** TCP connections that the guest asked for. */
    TCP_FROM_GUEST,
    /** TCP connections that a port forward accepted. */
    TCP_TO_GUEST,
    /** TCP connections that the host or the remote peer refused. */
    TCP_REFUSED,
    /** TCP segments sent again. */
    TCP_RETRANSMITTED,
    /** UDP flows that the guest began. */
    UDP_FROM_GUEST,
    /** UDP flows that began through a port forward. */
    UDP_TO_GUEST,
    /** Questions for names. */
    DNS_QUERIES,
    /** Flows that the policy denied. */
    DENIED,
    /** Flows that a limit prevented. */
    OVER_LIMIT,
    /** Flows that ended to make room for another flow. */
    FLOWS_EVICTED,
    /** Flows that were refused because no file descriptor could be had. */
    DESCRIPTORS_REFUSED
}
