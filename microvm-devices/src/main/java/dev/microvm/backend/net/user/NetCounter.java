package dev.microvm.backend.net.user;

/** What a {@link UserNetwork} counts. */
public enum NetCounter {
    /** Frames from the guest. */
    FRAMES_FROM_GUEST,
    /** Their bytes. */
    BYTES_FROM_GUEST,
    /** Frames to the guest. */
    FRAMES_TO_GUEST,
    /** Their bytes. */
    BYTES_TO_GUEST,
    /** Frames and packets of the guest's that are malformed, have a wrong checksum or an address that is not theirs. */
    MALFORMED,
    /** Packets of protocols that are not here, such as IPv6. */
    UNSUPPORTED,
    /** Packets to the guest that found no room or no Ethernet address. */
    DROPPED_TO_GUEST,
    /** TCP connections that the guest asked for. */
    TCP_FROM_GUEST,
    /** TCP connections that a port forward accepted. */
    TCP_TO_GUEST,
    /** TCP connections that the host, or whom it asked, refused. */
    TCP_REFUSED,
    /** TCP segments sent again. */
    TCP_RETRANSMITTED,
    /** UDP flows begun by the guest. */
    UDP_FROM_GUEST,
    /** UDP flows begun through a port forward. */
    UDP_TO_GUEST,
    /** Names asked for. */
    DNS_QUERIES,
    /** Flows that the policy denied. */
    DENIED,
    /** Flows that a limit stopped. */
    OVER_LIMIT
}
