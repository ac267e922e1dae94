package dev.microvm.backend.net.user;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Arrays;
import java.util.Objects;
import java.util.stream.Collectors;

/**
 * Decides what a guest may reach. It is called for each new flow, on the network's thread, so it
 * must be quick and must not block. Questions for names are flows too: UDP or TCP to port 53 of the
 * network's own name server. An exception denies the flow. It is not called for port forwards,
 * which are explicit.
 *
 * <p>For a denied flow the guest gets the ICMP error "administratively prohibited", which Linux
 * reports as "No route to host".
 */
@FunctionalInterface
public interface NetPolicy {
    /** The port of name servers: RFC 1035, 4.2. */
    int DNS_PORT = 53;

    /**
     * The default: allows everything outside the host. It denies the host's loopback and all
     * addresses of the host's interfaces, because servers of the host may listen there. It also
     * denies link-local addresses, because clouds serve the credentials of a machine at one.
     */
    NetPolicy OUTSIDE = flow -> {
        InetAddress target = flow.target().getAddress();
        return !target.isLoopbackAddress() && !target.isLinkLocalAddress() && !isOfThisHost(target);
    };

    /**
     * Allows everything that this process can reach, as QEMU does; 10.0.2.2 is then the host's
     * loopback.
     */
    NetPolicy ALL = flow -> true;

    /**
     * Denies everything, including questions for names, as QEMU's {@code restrict=on}. Port
     * forwards still work.
     */
    NetPolicy NONE = flow -> false;

    /** Returns whether the flow may begin. */
    boolean allows(NetFlow flow);

    /** Returns a policy that allows what this or the other policy allows. */
    default NetPolicy or(NetPolicy other) {
        Objects.requireNonNull(other, "other");
        return flow -> allows(flow) || other.allows(flow);
    }

    /** Returns a policy that allows what both policies allow. */
    default NetPolicy and(NetPolicy other) {
        Objects.requireNonNull(other, "other");
        return flow -> allows(flow) && other.allows(flow);
    }

    /**
     * Returns a policy that allows only these ports of the host's loopback. The guest reaches them
     * at the host's address in its network.
     */
    static NetPolicy hostPorts(int... ports) {
        Objects.requireNonNull(ports, "ports");
        return new NetReach.HostPorts(Arrays.stream(ports).boxed().collect(Collectors.toUnmodifiableSet()));
    }

    private static boolean isOfThisHost(InetAddress address) {
        try {
            return NetworkInterface.getByInetAddress(address) != null;
        } catch (SocketException e) {
            return true; // it cannot be known, so no
        }
    }
}
