package dev.microvm.backend.net.user;

import java.net.InetAddress;
import java.net.NetworkInterface;
import java.net.SocketException;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * What a guest may reach. It is asked for each new flow, names looked up included (as UDP or TCP to the network's own name
 * server, port 53), on the network's thread: it must be quick and must not block. What it throws denies the flow. Port
 * forwards are explicit, and not asked about.
 *
 * <p>A guest finds a denied flow "administratively prohibited" (ICMP; Linux says "No route to host"), not refused.
 */
@FunctionalInterface
public interface NetPolicy {
    /** The port of name servers: RFC 1035, 4.2. */
    int DNS_PORT = 53;

    /**
     * The default: what is outside of the host. Denied are the host's loopback, every address of the host's own
     * interfaces, because servers that listen on all of them are there too, and link-local addresses, because clouds keep a
     * machine's credentials at one.
     */
    NetPolicy OUTSIDE = flow -> {
        InetAddress target = flow.target().getAddress();
        return !target.isLoopbackAddress() && !target.isLinkLocalAddress() && !isOfThisHost(target);
    };

    /** All that this process can reach, as QEMU has it: 10.0.2.2 is the host's loopback. */
    NetPolicy ALL = flow -> true;

    /** Nothing, no names either; as QEMU's {@code restrict=on}. Port forwards still lead in. */
    NetPolicy NONE = flow -> false;

    /** Whether the flow may begin. */
    boolean allows(NetFlow flow);

    /** What this or the other allows. */
    default NetPolicy or(NetPolicy other) {
        return flow -> allows(flow) || other.allows(flow);
    }

    /** What both this and the other allow. */
    default NetPolicy and(NetPolicy other) {
        return flow -> allows(flow) && other.allows(flow);
    }

    /** These ports of the host's loopback, which the guest reaches at the host's address in its network. */
    static NetPolicy hostPorts(int... ports) {
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
