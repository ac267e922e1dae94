package dev.microvm.backend.net.user;

import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The checked configuration of a {@link UserNetwork}.
 *
 * @param services TCP ports of the network's own address that lead to a socket of this host,
 *     whatever the policy
 */
record UserNetworkConfig(
        Subnet subnet,
        int mtu,
        NetPolicy policy,
        List<HostForward> forwards,
        List<InetSocketAddress> nameServers,
        boolean hostNames,
        DhcpNames dhcp,
        int maxTcpConnections,
        int maxUdpFlows,
        int maxNewFlowsPerSecond,
        int windowBytes,
        long bufferBytes,
        Duration udpTimeout,
        Duration connectTimeout,
        Map<Integer, SocketAddress> services) {
    /** Returns the service at a port of the network's own address; null if there is none. */
    @Nullable
    SocketAddress service(int destination, int port) {
        return destination == subnet.host() ? services.get(port) : null;
    }
}
