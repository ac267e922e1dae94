package dev.microvm.backend.net.user;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.List;

/** The checked configuration of a {@link UserNetwork}. */
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
        Duration connectTimeout) {}
