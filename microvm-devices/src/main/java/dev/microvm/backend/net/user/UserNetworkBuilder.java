package dev.microvm.backend.net.user;

import dev.microvm.error.MicroVmException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * Builds a {@link UserNetwork}. The setters only record values; {@link #build} checks all of them
 * and opens nothing. Not thread-safe. A builder can build several networks.
 */
public final class UserNetworkBuilder {
    private static final UserNetworkSpec DEFAULT = UserNetworkSpec.DEFAULT;

    private String network = DEFAULT.addresses().network();
    private @Nullable String hostAddress;
    private @Nullable String dnsAddress;
    private @Nullable String guestAddress;
    private int mtu = DEFAULT.mtu();
    private NetPolicy policy = NetPolicy.OUTSIDE;
    private final List<HostForward> forwards = new ArrayList<>();
    private final List<InetSocketAddress> nameServers = new ArrayList<>();
    private boolean hostNames;
    private @Nullable String guestHostName;
    private @Nullable String guestDomain;
    private List<String> guestSearch = List.of();
    private boolean kernelIp;
    private int maxTcpConnections = DEFAULT.limits().tcpConnections();
    private int maxUdpFlows = DEFAULT.limits().udpFlows();
    private int maxNewFlowsPerSecond = DEFAULT.limits().newFlowsPerSecond();
    private int windowKiB = DEFAULT.limits().windowKiB();
    private int bufferMiB = DEFAULT.limits().bufferMiB();
    private Duration udpTimeout = DEFAULT.limits().udpTimeout();
    private Duration connectTimeout = DEFAULT.limits().connectTimeout();

    UserNetworkBuilder() {}

    /** Sets the guest's network, with a prefix of 8 to 29 bits. Default {@code 10.0.2.0/24}. */
    public UserNetworkBuilder network(String cidr) {
        network = Objects.requireNonNull(cidr, "network");
        return this;
    }

    /**
     * Sets the host's address in the network, which is the guest's router. Default: the second of
     * the network, 10.0.2.2.
     */
    public UserNetworkBuilder hostAddress(String address) {
        hostAddress = Objects.requireNonNull(address, "hostAddress");
        return this;
    }

    /**
     * Sets the name server's address in the network. Default: the third of the network, 10.0.2.3.
     */
    public UserNetworkBuilder dnsAddress(String address) {
        dnsAddress = Objects.requireNonNull(address, "dnsAddress");
        return this;
    }

    /**
     * Sets the first address that DHCP gives. Default: the 15th of the network, 10.0.2.15, or the
     * fourth of a small network.
     */
    public UserNetworkBuilder guestAddress(String address) {
        guestAddress = Objects.requireNonNull(address, "guestAddress");
        return this;
    }

    /** Sets the largest IP packet in bytes, 576 to 65,520. Default 1500. */
    public UserNetworkBuilder mtu(int bytes) {
        mtu = bytes;
        return this;
    }

    /** Sets what the guest may reach. Default {@link NetPolicy#OUTSIDE}: not the host. */
    public UserNetworkBuilder policy(NetPolicy value) {
        policy = Objects.requireNonNull(value, "policy");
        return this;
    }

    /** Adds a port of the host that leads into the guest. Default: none. */
    public UserNetworkBuilder forward(HostForward value) {
        Objects.requireNonNull(value, "forward");
        forwards.add(value);
        return this;
    }

    /**
     * Adds a TCP port of the host's loopback that leads to a port of the guest:
     * {@link HostForward#tcp}.
     */
    public UserNetworkBuilder forwardTcp(int hostPort, int guestPort) {
        return forward(HostForward.tcp(hostPort, guestPort));
    }

    /**
     * Adds a UDP port of the host's loopback that leads to a port of the guest:
     * {@link HostForward#udp}.
     */
    public UserNetworkBuilder forwardUdp(int hostPort, int guestPort) {
        return forward(HostForward.udp(hostPort, guestPort));
    }

    /**
     * Adds a name server for the guest's questions, after those added before. Default: the name
     * servers of the host, in {@code /etc/resolv.conf}, which is read again after each change.
     */
    public UserNetworkBuilder nameServer(InetSocketAddress server) {
        Objects.requireNonNull(server, "nameServer");
        nameServers.add(server);
        return this;
    }

    /**
     * Sets whether the host resolves names as for its own programs, including {@code /etc/hosts}.
     * Only questions for IPv4 addresses are then answered. Default false, except on hosts without
     * {@code /etc/resolv.conf} (Windows).
     */
    public UserNetworkBuilder hostNames(boolean value) {
        hostNames = value;
        return this;
    }

    /**
     * Sets the name that DHCP gives to guests, such as {@code web}, as QEMU's {@code hostname=}.
     * Default: none.
     */
    public UserNetworkBuilder guestHostName(String name) {
        guestHostName = Objects.requireNonNull(name, "guestHostName");
        return this;
    }

    /**
     * Sets the domain that DHCP gives to guests, such as {@code example.org}, as QEMU's {@code
     * domainname=}. Default: none.
     */
    public UserNetworkBuilder guestDomain(String name) {
        guestDomain = Objects.requireNonNull(name, "guestDomain");
        return this;
    }

    /**
     * Sets the domains in which guests look for short names, which DHCP gives them, as QEMU's
     * {@code dnssearch=}. Default: none; those of the host are not passed on, because a guest need
     * not know them.
     */
    public UserNetworkBuilder guestSearch(String... domains) {
        Objects.requireNonNull(domains, "guestSearch");
        guestSearch = List.of(domains);
        return this;
    }

    /**
     * Sets whether the machine tells the kernel of the guest its address, router and name server by
     * {@code ip=} on the command line, so that the network is up before the first program runs and
     * the guest needs no DHCP client. Needs a kernel with {@code CONFIG_IP_PNP} and the driver of
     * virtio networks built in. Default false.
     */
    public UserNetworkBuilder kernelIp(boolean value) {
        kernelIp = value;
        return this;
    }

    /**
     * Sets the maximum number of simultaneous TCP connections, 1 to 65,536. Default 2048. Further
     * SYNs of the guest get no answer.
     */
    public UserNetworkBuilder maxTcpConnections(int count) {
        maxTcpConnections = count;
        return this;
    }

    /**
     * Sets the maximum number of simultaneous UDP flows, 1 to 65,536. Default 512. A further flow
     * ends the oldest.
     */
    public UserNetworkBuilder maxUdpFlows(int count) {
        maxUdpFlows = count;
        return this;
    }

    /**
     * Sets the maximum number of flows that the guest may begin per second, 1 to 1,000,000. Default
     * 2000.
     */
    public UserNetworkBuilder maxNewFlowsPerSecond(int count) {
        maxNewFlowsPerSecond = count;
        return this;
    }

    /**
     * Sets the maximum buffer of each direction of a TCP connection in KiB: a power of two, 16 to
     * 16,384. Default 256.
     */
    public UserNetworkBuilder windowKiB(int kib) {
        windowKiB = kib;
        return this;
    }

    /**
     * Sets the maximum memory of the buffers of all connections in MiB, 1 to 65,536, in addition to
     * 32 KiB for each. Default 64.
     */
    public UserNetworkBuilder bufferMiB(int mib) {
        bufferMiB = mib;
        return this;
    }

    /** Sets the time without a datagram after which a UDP flow ends, up to a day. Default 60 s. */
    public UserNetworkBuilder udpTimeout(Duration value) {
        udpTimeout = Objects.requireNonNull(value, "udpTimeout");
        return this;
    }

    /** Sets the time that the host may take to connect, up to a day. Default 30 s. */
    public UserNetworkBuilder connectTimeout(Duration value) {
        connectTimeout = Objects.requireNonNull(value, "connectTimeout");
        return this;
    }

    /**
     * Returns the description as data. A user-defined policy is represented by
     * {@link NetReach#OWN}.
     */
    public UserNetworkSpec spec() {
        return new UserNetworkSpec(
                new UserNetworkSpec.Addresses(network, hostAddress, dnsAddress, guestAddress),
                mtu,
                NetReach.of(policy),
                forwards,
                nameServers,
                hostNames,
                new DhcpNames(guestHostName, guestDomain, guestSearch),
                kernelIp,
                new UserNetworkSpec.Limits(
                        maxTcpConnections,
                        maxUdpFlows,
                        maxNewFlowsPerSecond,
                        windowKiB,
                        bufferMiB,
                        udpTimeout,
                        connectTimeout));
    }

    /**
     * Checks all values and makes the network. Opens nothing.
     *
     * @throws MicroVmException with every problem found
     */
    public UserNetwork build() {
        return new UserNetwork(spec(), policy);
    }
}
