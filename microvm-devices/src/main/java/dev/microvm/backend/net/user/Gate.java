package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.DENIED;

import dev.microvm.error.GuestNoise;
import java.net.InetSocketAddress;
import java.util.List;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Decides where the flows of the guest lead, which may begin, and how many at once. For the
 * network's thread.
 */
final class Gate {
    private static final Logger log = LoggerFactory.getLogger(Gate.class);
    private static final long NANOS_PER_SECOND = 1_000_000_000L;

    private final UserNetworkConfig config;
    private final NameServers servers;
    private final Counters counters;
    private final long nanosPerFlow;
    private long earliest; // when the oldest of a second's flows is over; a flow moves it on
    private boolean begun;
    private final GuestNoise failures = new GuestNoise();

    Gate(UserNetworkConfig config, NameServers servers, Counters counters) {
        this.config = config;
        this.servers = servers;
        this.counters = counters;
        nanosPerFlow = NANOS_PER_SECOND / config.maxNewFlowsPerSecond();
    }

    /**
     * Returns the address to which this process connects for a destination of the guest; null if
     * there cannot be any host there.
     */
    @Nullable
    InetSocketAddress target(Protocol protocol, int destination, int port) {
        Subnet subnet = config.subnet();
        if (port == 0) return null;
        if (destination == subnet.host()) return new InetSocketAddress(Ipv4Address.of(Ipv4Address.LOOPBACK), port);
        if (destination == subnet.dns()) {
            return protocol == Protocol.TCP && port == NetPolicy.DNS_PORT ? firstNameServer() : null;
        }
        if (subnet.contains(destination) || !Ipv4Address.isUnicast(destination)) return null;
        return new InetSocketAddress(Ipv4Address.of(destination), port);
    }

    private @Nullable InetSocketAddress firstNameServer() {
        List<InetSocketAddress> current = servers.current();
        return current.isEmpty() ? null : current.getFirst();
    }

    /** Returns whether the policy allows a flow. */
    boolean allows(Protocol protocol, int guest, int guestPort, int destination, int port, InetSocketAddress target) {
        InetSocketAddress asked = new InetSocketAddress(Ipv4Address.of(destination), port);
        // What leads to the host's name servers is a question to the network's own, wherever they are.
        InetSocketAddress shown = destination == config.subnet().dns() ? asked : target;
        InetSocketAddress from = new InetSocketAddress(Ipv4Address.of(guest), guestPort);
        boolean allowed = false;
        try {
            allowed = config.policy().allows(new NetFlow(protocol, from, asked, shown));
        } catch (RuntimeException e) {
            long n = failures.count();
            if (n != 0) log.warn("the network policy failed {} times, last:", n, e);
        }
        if (!allowed) counters.count(DENIED);
        return allowed;
    }

    /**
     * Returns whether one more flow may begin now, within the configured number of new flows per
     * second.
     */
    boolean admits(long now) {
        if (!begun || now - earliest > NANOS_PER_SECOND) earliest = now - NANOS_PER_SECOND;
        begun = true;
        if (earliest + nanosPerFlow - now > 0) return false;
        earliest += nanosPerFlow;
        return true;
    }
}
