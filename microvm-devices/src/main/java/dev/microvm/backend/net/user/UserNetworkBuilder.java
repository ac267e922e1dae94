package dev.microvm.backend.net.user;

import dev.microvm.error.MicroVmException;
import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The description of a {@link UserNetwork}. Methods only record; {@link #build} checks it all and opens nothing. For one
 * thread; a builder can build several networks.
 */
public final class UserNetworkBuilder {
    private static final Pattern CIDR = Pattern.compile("([0-9.]+)/(\\d{1,2})");
    private static final int MIN_PREFIX = 8;
    private static final int MAX_PREFIX = 29; // room for router, name server and guests
    private static final int HOST = 2; // of the network, as QEMU has it
    private static final int DNS = 3;
    private static final int FIRST_GUEST = 15;
    private static final int MIN_MTU = 576; // RFC 791: what every host takes
    private static final int MAX_MTU = 65_520; // with all headers below 64 KiB
    private static final int MAX_CONNECTIONS = 65_536;
    private static final int MAX_NEW_FLOWS = 1_000_000;
    private static final int MIN_WINDOW_KIB = 16;
    private static final int MAX_WINDOW_KIB = 16_384;
    private static final int KIB = 1024;
    private static final int MIB = 1024 * 1024;
    private static final Duration MAX_TIMEOUT = Duration.ofHours(24);

    private String network = "10.0.2.0/24";
    private @Nullable String host;
    private @Nullable String dns;
    private @Nullable String firstGuest;
    private int mtu = 1500;
    private NetPolicy policy = NetPolicy.OUTSIDE;
    private final List<HostForward> forwards = new ArrayList<>();
    private final List<InetSocketAddress> nameServers = new ArrayList<>();
    private boolean hostNames;
    private int maxTcpConnections = 2048;
    private int maxUdpFlows = 512;
    private int maxNewFlowsPerSecond = 2000;
    private int windowKiB = 256;
    private int bufferMiB = 64;
    private Duration udpTimeout = Duration.ofSeconds(60);
    private Duration connectTimeout = Duration.ofSeconds(30);

    UserNetworkBuilder() {}

    /** The guest's network, such as {@code 10.0.2.0/24}, the default; 8 to 29 bits. */
    public UserNetworkBuilder network(String cidr) {
        network = cidr;
        return this;
    }

    /** The host's address in it, the guest's router. Default the network's second: 10.0.2.2. */
    public UserNetworkBuilder hostAddress(String address) {
        host = address;
        return this;
    }

    /** The name server's address in it. Default the network's third: 10.0.2.3. */
    public UserNetworkBuilder dnsAddress(String address) {
        dns = address;
        return this;
    }

    /** The first address that DHCP gives. Default the network's 15th, 10.0.2.15, or in a small one the fourth. */
    public UserNetworkBuilder guestAddress(String address) {
        firstGuest = address;
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
        maxTcpConnections = count;
        return this;
    }

    /** How many UDP flows there may be at once, 1 to 65,536. Default 512; beyond it the oldest ends. */
    public UserNetworkBuilder maxUdpFlows(int count) {
        maxUdpFlows = count;
        return this;
    }

    /** How many flows the guest may begin in a second, 1 to 1,000,000. Default 2000. */
    public UserNetworkBuilder maxNewFlowsPerSecond(int count) {
        maxNewFlowsPerSecond = count;
        return this;
    }

    /** The most that waits in each direction of a TCP connection, in KiB: a power of two, 16 to 16,384. Default 256. */
    public UserNetworkBuilder windowKiB(int kib) {
        windowKiB = kib;
        return this;
    }

    /**
     * The most memory that the buffers of all connections have, in MiB, 1 to 65,536, besides 32 KiB for each. Default 64.
     */
    public UserNetworkBuilder bufferMiB(int mib) {
        bufferMiB = mib;
        return this;
    }

    /** After what time without a datagram a UDP flow ends, up to a day. Default 60 s. */
    public UserNetworkBuilder udpTimeout(Duration value) {
        udpTimeout = value;
        return this;
    }

    /** How long the host may take to connect, up to a day. Default 30 s. */
    public UserNetworkBuilder connectTimeout(Duration value) {
        connectTimeout = value;
        return this;
    }

    /**
     * Checks the whole description and opens nothing.
     *
     * @throws MicroVmException with every problem found
     */
    public UserNetwork build() {
        List<String> problems = new ArrayList<>();
        Subnet subnet = subnet(problems);
        range("mtu", mtu, MIN_MTU, MAX_MTU, problems);
        range("maxTcpConnections", maxTcpConnections, 1, MAX_CONNECTIONS, problems);
        range("maxUdpFlows", maxUdpFlows, 1, MAX_CONNECTIONS, problems);
        range("maxNewFlowsPerSecond", maxNewFlowsPerSecond, 1, MAX_NEW_FLOWS, problems);
        range("bufferMiB", bufferMiB, 1, MAX_CONNECTIONS, problems);
        range("windowKiB", windowKiB, MIN_WINDOW_KIB, MAX_WINDOW_KIB, problems);
        if (Integer.bitCount(windowKiB) != 1) problems.add("windowKiB: a power of two, was " + windowKiB);
        timeout("udpTimeout", udpTimeout, problems);
        timeout("connectTimeout", connectTimeout, problems);
        if (hostNames && !nameServers.isEmpty()) {
            problems.add("hostNames: leave it out, or nameServer: names are resolved by one of them");
        }
        for (HostForward forward : forwards) {
            if (forward.guestAddress().isEmpty()) continue;
            if (subnet != null && !subnet.isGuest(Ipv4Address.parse(forward.guestAddress()))) {
                problems.add("forward " + forward + ": the guest's address is not one of " + network);
            }
        }
        if (subnet == null || !problems.isEmpty()) {
            throw new MicroVmException("user network: " + String.join("; ", problems));
        }
        return new UserNetwork(new UserNetworkConfig(
                subnet,
                mtu,
                policy,
                List.copyOf(forwards),
                List.copyOf(nameServers),
                hostNames,
                maxTcpConnections,
                maxUdpFlows,
                maxNewFlowsPerSecond,
                windowKiB * KIB,
                (long) bufferMiB * MIB,
                udpTimeout,
                connectTimeout));
    }

    private @Nullable Subnet subnet(List<String> problems) {
        Matcher parts = CIDR.matcher(network);
        int prefix = parts.matches() ? Integer.parseInt(parts.group(2)) : 0;
        if (prefix < MIN_PREFIX || prefix > MAX_PREFIX) {
            problems.add("network: an IPv4 network of 8 to 29 bits such as 10.0.2.0/24, was \"" + network + "\"");
            return null;
        }
        try {
            int base = Ipv4Address.parse(parts.group(1));
            int last = base + (1 << (Integer.SIZE - prefix)) - 2;
            int guest = base + FIRST_GUEST <= last ? base + FIRST_GUEST : base + DNS + 1;
            Subnet subnet = new Subnet(
                    base,
                    prefix,
                    host == null ? base + HOST : Ipv4Address.parse(host),
                    dns == null ? base + DNS : Ipv4Address.parse(dns),
                    firstGuest == null ? guest : Ipv4Address.parse(firstGuest));
            check(subnet, last, problems);
            return subnet;
        } catch (IllegalArgumentException e) {
            problems.add("network, hostAddress, dnsAddress, guestAddress: " + e.getMessage());
            return null;
        }
    }

    private void check(Subnet subnet, int last, List<String> problems) {
        if (!Ipv4Address.isUnicast(subnet.base()) || (subnet.base() & ~subnet.mask()) != 0) {
            problems.add("network: bits beyond its prefix, or not for hosts: " + network);
        }
        for (int own : new int[] {subnet.host(), subnet.dns()}) {
            if (!subnet.contains(own) || own == subnet.base() || own > last) {
                problems.add("hostAddress, dnsAddress: " + Ipv4Address.text(own) + " is not a host's in " + network);
            }
        }
        if (subnet.host() == subnet.dns()) problems.add("dnsAddress: the same as hostAddress");
        if (!subnet.isGuest(subnet.firstGuest())) {
            problems.add("guestAddress: " + Ipv4Address.text(subnet.firstGuest()) + " is not a guest's in " + network);
        }
    }

    private static void range(String name, int value, int least, int most, List<String> problems) {
        if (value < least || value > most) problems.add("%s: %d to %d, was %d".formatted(name, least, most, value));
    }

    private static void timeout(String name, Duration value, List<String> problems) {
        if (value.isNegative() || value.isZero() || value.compareTo(MAX_TIMEOUT) > 0) {
            problems.add(name + ": more than zero, up to a day, was " + value);
        }
    }
}
