package dev.microvm.backend.net.user;

import java.net.InetSocketAddress;
import java.util.Objects;

/**
 * A connection or first datagram of the guest, for a {@link NetPolicy} to decide on.
 *
 * @param protocol TCP or UDP
 * @param guest address and port of the guest
 * @param destination address and port to which the guest sends it
 * @param target address and port to which this process would send it: the destination or, if that
 *     is the host's address in the guest's network, the host's loopback
 */
public record NetFlow(
        Protocol protocol, InetSocketAddress guest, InetSocketAddress destination, InetSocketAddress target) {
    /** Checks that no component is null. */
    public NetFlow {
        Objects.requireNonNull(protocol, "protocol");
        Objects.requireNonNull(guest, "guest");
        Objects.requireNonNull(destination, "destination");
        Objects.requireNonNull(target, "target");
    }
}
