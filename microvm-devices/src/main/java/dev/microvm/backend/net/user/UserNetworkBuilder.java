package dev.microvm.backend.net.user;

import dev.microvm.error.MicroVmException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;

/**
 * The description of a {@link UserNetwork}. Methods only record; {@link #build} checks it all and opens nothing. For one
 * thread; a builder can build several networks.
 */
public final class UserNetworkBuilder {
    private UserNetworkSpec.Addresses addresses = UserNetworkSpec.DEFAULT.addresses();
    private UserNetworkSpec.Limits limits = UserNetworkSpec.DEFAULT.limits();
    private int mtu = UserNetworkSpec.DEFAULT.mtu();
    private NetPolicy policy = NetPolicy.OUTSIDE;
    private final List<HostForward> forwards = new ArrayList<>();
    private final List<InetSocketAddress> nameServers = new ArrayList<>();
    private boolean hostNames;

    UserNetworkBuilder() {}

    /** The guest's network, such as {@code 10.0.2.0/24}, the default; 8 to 29 bits. */
    public UserNetworkBuilder network(String cidr) {
        addresses = new UserNetworkSpec.Addresses(cidr, addresses.host(), addresses.dns(), addresses.guest());
        return this;
    }

    /** The host's address in it, the guest's router. Default the network's second: 10.0.2.2. */
    public UserNetworkBuilder hostAddress(String address) {
        addresses = new UserNetworkSpec.Addresses(addresses.network(), address, addresses.dns(), addresses.guest());
        return this;
    }

    /** The name server's address in it. Default the network's third: 10.0.2.3. */
    public UserNetworkBuilder dnsAddress(String address) {
        addresses = new UserNetworkSpec.Addresses(addresses.network(), addresses.host(), address, addresses.guest());
        return this;
    }

    /** The first address that DHCP gives. Default the network's 15th, 10.0.2.15, or in a small one the fourth. */
    public UserNetworkBuilder guestAddress(String address) {
        addresses = new UserNetworkSpec.Addresses(addresses.network(), addresses.host(), addresses.dns(), address);
        return this;
    }

    /** The largest IP packet in bytes, 576 to 65,520. Default 1500. */
    public UserNetworkBuilder mtu(int bytes) {
        mtu = bytes;
        return this;
    }

    /** What the guest may reach. Default {@link NetPolicy#OUTSIDE}: not the host. */
    public UserNetworkBuilder policy(NetPolicy value) {
        policy = value;
        return this;
    }

    /** A port of the host's that leads into the guest. Default none. */
    public UserNetworkBuilder forward(HostForward value) {
        forwards.add(value);
        return this;
    }

    /** {@link HostForward#tcp}: a TCP port of the host's loopback that leads to one of the guest's. */
    public UserNetworkBuilder forwardTcp(int hostPort, int guestPort) {
        return forward(HostForward.tcp(hostPort, guestPort));
    }

    /** {@link HostForward#udp}: a UDP port of the host's loopback that leads to one of the guest's. */
    public UserNetworkBuilder forwardUdp(int hostPort, int guestPort) {
        return forward(HostForward.udp(hostPort, guestPort));
    }

    /** A name server to which the guest's questions go, behind those that are there. Default those of the host. */
    public UserNetworkBuilder nameServer(InetSocketAddress server) {
        nameServers.add(server);
        return this;
    }

    /**
     * Lets the host resolve names as it does for itself, {@code /etc/hosts} included; only questions for addresses are then
     * answered. This is also what happens where the host has no name server in {@code /etc/resolv.conf}.
     */
    public UserNetworkBuilder hostNames(boolean value) {
        hostNames = value;
        return this;
    }

    /** How many TCP connections there may be at once, 1 to 65,536. Default 2048; beyond it the guest hears nothing. */
    public UserNetworkBuilder maxTcpConnections(int count) {
        limits = new UserNetworkSpec.Limits(
                count,
                limits.udpFlows(),
                limits.newFlowsPerSecond(),
                limits.windowKiB(),
                limits.bufferMiB(),
                limits.udpTimeout(),
                limits.connectTimeout());
        return this;
    }

    /** How many UDP flows there may be at once, 1 to 65,536. Default 512; beyond it the oldest ends. */
    public UserNetworkBuilder maxUdpFlows(int count) {
        limits = new UserNetworkSpec.Limits(
                limits.tcpConnections(),
                count,
                limits.newFlowsPerSecond(),
                limits.windowKiB(),
                limits.bufferMiB(),
                limits.udpTimeout(),
                limits.connectTimeout());
        return this;
    }

    /** How many flows the guest may begin in a second, 1 to 1,000,000. Default 2000. */
    public UserNetworkBuilder maxNewFlowsPerSecond(int count) {
        limits = new UserNetworkSpec.Limits(
                limits.tcpConnections(),
                limits.udpFlows(),
                count,
                limits.windowKiB(),
                limits.bufferMiB(),
                limits.udpTimeout(),
                limits.connectTimeout());
        return this;
    }

    /** The most that waits in each direction of a TCP connection, in KiB: a power of two, 16 to 16,384. Default 256. */
    public UserNetworkBuilder windowKiB(int kib) {
        limits = new UserNetworkSpec.Limits(
                limits.tcpConnections(),
                limits.udpFlows(),
                limits.newFlowsPerSecond(),
                kib,
                limits.bufferMiB(),
                limits.udpTimeout(),
                limits.connectTimeout());
        return this;
    }

    /**
     * The most memory that the buffers of all connections have, in MiB, 1 to 65,536, besides 32 KiB for each. Default 64.
     */
    public UserNetworkBuilder bufferMiB(int mib) {
        limits = new UserNetworkSpec.Limits(
                limits.tcpConnections(),
                limits.udpFlows(),
                limits.newFlowsPerSecond(),
                limits.windowKiB(),
                mib,
                limits.udpTimeout(),
                limits.connectTimeout());
        return this;
    }

    /** After what time without a datagram a UDP flow ends, up to a day. Default 60 s. */
    public UserNetworkBuilder udpTimeout(Duration value) {
        limits = new UserNetworkSpec.Limits(
                limits.tcpConnections(),
                limits.udpFlows(),
                limits.newFlowsPerSecond(),
                limits.windowKiB(),
                limits.bufferMiB(),
                value,
                limits.connectTimeout());
        return this;
    }

    /** How long the host may take to connect, up to a day. Default 30 s. */
    public UserNetworkBuilder connectTimeout(Duration value) {
        limits = new UserNetworkSpec.Limits(
                limits.tcpConnections(),
                limits.udpFlows(),
                limits.newFlowsPerSecond(),
                limits.windowKiB(),
                limits.bufferMiB(),
                limits.udpTimeout(),
                value);
        return this;
    }

    /** The description as data; a policy of your own is {@link NetReach#OWN} in it. */
    public UserNetworkSpec spec() {
        return new UserNetworkSpec(addresses, mtu, NetReach.of(policy), forwards, nameServers, hostNames, limits);
    }

    /**
     * Checks the whole description and opens nothing.
     *
     * @throws MicroVmException with every problem found
     */
    public UserNetwork build() {
        return new UserNetwork(spec(), policy);
    }
}
