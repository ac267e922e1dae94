package dev.microvm.backend.net.user;

import java.net.InetSocketAddress;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The description of a {@link UserNetwork} as data, made by {@link UserNetworkBuilder}. Immutable
 * and compared by value.
 *
 * @param addresses addresses of the network and in it
 * @param mtu largest IP packet in bytes, 576 to 65,520
 * @param reach what the guest may reach
 * @param forwards ports of the host that lead into the guest
 * @param nameServers name servers for the guest's questions; empty for those of the host
 * @param hostNames whether the host resolves names as for its own programs
 * @param dhcp names that DHCP gives to guests
 * @param kernelIp whether the kernel of the guest gets its address on the command line
 * @param limits limits on the resources of the host that the guest can use
 */
public record UserNetworkSpec(
        Addresses addresses,
        int mtu,
        NetReach reach,
        List<HostForward> forwards,
        List<InetSocketAddress> nameServers,
        boolean hostNames,
        DhcpNames dhcp,
        boolean kernelIp,
        Limits limits) {
    /** The description with all defaults. */
    public static final UserNetworkSpec DEFAULT = new UserNetworkSpec(
            new Addresses("10.0.2.0/24", null, null, null),
            1500,
            NetReach.OUTSIDE,
            List.of(),
            List.of(),
            false,
            DhcpNames.NONE,
            false,
            new Limits(2048, 512, 2000, 256, 64, Duration.ofSeconds(60), Duration.ofSeconds(30)));

    private static final int MIN_MTU = 576; // RFC 791: what every host takes
    private static final int MAX_MTU = 65_520; // with all headers below 64 KiB

    /** Copies the lists. */
    public UserNetworkSpec {
        Objects.requireNonNull(addresses, "addresses");
        Objects.requireNonNull(reach, "reach");
        Objects.requireNonNull(forwards, "forwards");
        Objects.requireNonNull(nameServers, "nameServers");
        Objects.requireNonNull(dhcp, "dhcp");
        Objects.requireNonNull(limits, "limits");
        forwards = List.copyOf(forwards);
        nameServers = List.copyOf(nameServers);
    }

    /**
     * Returns the problems of this description, each with option, value and remedy; empty if there
     * is none.
     */
    public List<String> problems() {
        List<String> problems = new ArrayList<>();
        Subnet subnet = addresses.subnet(problems);
        range("mtu", mtu, MIN_MTU, MAX_MTU, problems);
        limits.check(problems);
        dhcp.check(problems);
        if (hostNames && !nameServers.isEmpty()) {
            problems.add("hostNames: leave it out, or nameServer: names are resolved by one of them");
        }
        for (InetSocketAddress server : nameServers) {
            if (server.isUnresolved()) {
                problems.add("nameServer: an address such as 192.0.2.1, not a name, was " + server.getHostString());
            }
        }
        for (HostForward forward : forwards) {
            if (forward.guestAddress().isEmpty() || subnet == null) continue;
            if (!subnet.isGuest(Ipv4Address.parse(forward.guestAddress()))) {
                problems.add("forward " + forward + ": the guest's address is not one of " + addresses.network());
            }
        }
        return problems;
    }

    /**
     * Returns the kernel parameter that gives an interface of the guest its address, without DHCP;
     * empty unless {@link #kernelIp}. The kernel must have CONFIG_IP_PNP: Linux
     * Documentation/admin-guide/nfs/nfsroot.rst.
     *
     * @param device name of the interface, such as {@code eth0}
     */
    public Optional<String> kernelParameter(String device) {
        Objects.requireNonNull(device, "device");
        Subnet subnet = kernelIp ? addresses.subnet(new ArrayList<>()) : null;
        if (subnet == null) return Optional.empty();
        return Optional.of("ip=%s::%s:%s:%s:%s:off:%s"
                .formatted(
                        Ipv4Address.text(subnet.firstGuest()),
                        Ipv4Address.text(subnet.host()),
                        Ipv4Address.text(subnet.mask()),
                        dhcp.fullHostName(),
                        device,
                        Ipv4Address.text(subnet.dns())));
    }

    /** Returns the configuration of a network. The description must have no {@link #problems}. */
    UserNetworkConfig config(NetPolicy policy) {
        Subnet subnet = addresses.subnet(new ArrayList<>());
        if (subnet == null) throw new IllegalStateException("a network with problems: " + problems());
        return new UserNetworkConfig(
                subnet,
                mtu,
                policy,
                forwards,
                nameServers,
                hostNames,
                dhcp,
                limits.tcpConnections(),
                limits.udpFlows(),
                limits.newFlowsPerSecond(),
                limits.windowKiB() * Limits.KIB,
                (long) limits.bufferMiB() * Limits.MIB,
                limits.udpTimeout(),
                limits.connectTimeout(),
                Map.of());
    }

    private static void range(String name, int value, int least, int most, List<String> problems) {
        if (value < least || value > most) problems.add("%s: %d to %d, was %d".formatted(name, least, most, value));
    }

    /**
     * IPv4 addresses as text. Addresses that are null follow from the network.
     *
     * @param network the network, for example {@code 10.0.2.0/24}, with a prefix of 8 to 29 bits
     * @param host address of the host, which is the guest's router; null for the second of the
     *     network
     * @param dns address of the name server; null for the third of the network
     * @param guest first address that DHCP gives; null for the 15th of the network, or the fourth
     *     of a small network
     */
    public record Addresses(
            String network,
            @Nullable String host,
            @Nullable String dns,
            @Nullable String guest) {
        private static final Pattern CIDR = Pattern.compile("([0-9.]+)/(\\d{1,2})");
        private static final int MIN_PREFIX = 8;
        private static final int MAX_PREFIX = 29; // room for router, name server and guests
        private static final int HOST = 2; // of the network, as QEMU has it
        private static final int DNS = 3;
        private static final int FIRST_GUEST = 15;

        /** Checks that the network is not null. */
        public Addresses {
            Objects.requireNonNull(network, "network");
        }

        /**
         * Returns the addresses as numbers; returns null and adds a problem if one is not valid.
         */
        @Nullable
        Subnet subnet(List<String> problems) {
            Matcher parts = CIDR.matcher(network);
            int prefix = parts.matches() ? Integer.parseInt(parts.group(2)) : 0;
            if (prefix < MIN_PREFIX || prefix > MAX_PREFIX) {
                problems.add("network: an IPv4 network of 8 to 29 bits such as 10.0.2.0/24, was \"" + network + "\"");
                return null;
            }
            try {
                int base = Ipv4Address.parse(parts.group(1));
                int last = base + (1 << (Integer.SIZE - prefix)) - 2;
                int firstGuest = base + FIRST_GUEST <= last ? base + FIRST_GUEST : base + DNS + 1;
                Subnet subnet =
                        new Subnet(base, prefix, or(host, base + HOST), or(dns, base + DNS), or(guest, firstGuest));
                int before = problems.size();
                check(subnet, last, problems);
                return problems.size() == before ? subnet : null;
            } catch (IllegalArgumentException e) {
                problems.add("network, hostAddress, dnsAddress, guestAddress: " + e.getMessage());
                return null;
            }
        }

        private static int or(@Nullable String address, int otherwise) {
            return address == null ? otherwise : Ipv4Address.parse(address);
        }

        private void check(Subnet subnet, int last, List<String> problems) {
            if (!Ipv4Address.isUnicast(subnet.base()) || (subnet.base() & ~subnet.mask()) != 0) {
                problems.add("network: bits beyond its prefix, or not for hosts: " + network);
            }
            for (int own : new int[] {subnet.host(), subnet.dns()}) {
                if (!subnet.contains(own) || own == subnet.base() || own > last) {
                    problems.add(
                            "hostAddress, dnsAddress: " + Ipv4Address.text(own) + " is not a host's in " + network);
                }
            }
            if (subnet.host() == subnet.dns()) problems.add("dnsAddress: the same as hostAddress");
            if (!subnet.isGuest(subnet.firstGuest())) {
                problems.add(
                        "guestAddress: " + Ipv4Address.text(subnet.firstGuest()) + " is not a guest's in " + network);
            }
        }
    }

    /**
     * The limits on the resources of the host that a guest can use.
     *
     * @param tcpConnections simultaneous TCP connections, 1 to 65,536
     * @param udpFlows simultaneous UDP flows, 1 to 65,536
     * @param newFlowsPerSecond new flows of the guest per second, 1 to 1,000,000
     * @param windowKiB buffer of each direction of a TCP connection in KiB: a power of two, 16 to
     *     16,384
     * @param bufferMiB memory of the buffers of all connections in MiB, 1 to 65,536
     * @param udpTimeout time after which an idle UDP flow ends, up to a day
     * @param connectTimeout time that the host has to connect, up to a day
     */
    public record Limits(
            int tcpConnections,
            int udpFlows,
            int newFlowsPerSecond,
            int windowKiB,
            int bufferMiB,
            Duration udpTimeout,
            Duration connectTimeout) {
        private static final int KIB = 1024;
        private static final int MIB = 1024 * 1024;
        private static final int MAX_CONNECTIONS = 65_536;
        private static final int MAX_NEW_FLOWS = 1_000_000;
        private static final int MAX_BUFFER_MIB = 65_536;
        private static final int MIN_WINDOW_KIB = 16;
        private static final int MAX_WINDOW_KIB = 16_384;
        private static final Duration MAX_TIMEOUT = Duration.ofHours(24);

        /** Checks that neither time is null. */
        public Limits {
            Objects.requireNonNull(udpTimeout, "udpTimeout");
            Objects.requireNonNull(connectTimeout, "connectTimeout");
        }

        private void check(List<String> problems) {
            range("maxTcpConnections", tcpConnections, 1, MAX_CONNECTIONS, problems);
            range("maxUdpFlows", udpFlows, 1, MAX_CONNECTIONS, problems);
            range("maxNewFlowsPerSecond", newFlowsPerSecond, 1, MAX_NEW_FLOWS, problems);
            range("bufferMiB", bufferMiB, 1, MAX_BUFFER_MIB, problems);
            range("windowKiB", windowKiB, MIN_WINDOW_KIB, MAX_WINDOW_KIB, problems);
            if (Integer.bitCount(windowKiB) != 1) problems.add("windowKiB: a power of two, was " + windowKiB);
            timeout("udpTimeout", udpTimeout, problems);
            timeout("connectTimeout", connectTimeout, problems);
        }

        private static void timeout(String name, Duration value, List<String> problems) {
            if (value.isNegative() || value.isZero() || value.compareTo(MAX_TIMEOUT) > 0) {
                problems.add(name + ": more than zero, up to a day, was " + value);
            }
        }
    }
}
