package dev.microvm.backend.net.user;

import java.util.Locale;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A port of the host that leads into the guest.
 *
 * <p>A TCP port of the host accepts connections as soon as the machine starts, before any program
 * of the guest listens: the host's TCP accepts before this process hears of the connection. If the
 * guest then refuses, or does not answer within about a minute, the connection is reset. So a
 * successful connect does not mean that the guest is ready: wait for an answer of the protocol, such
 * as the greeting of ssh or an HTTP response, and connect again after a reset.
 *
 * @param protocol TCP or UDP
 * @param hostAddress address of the host to listen at: IPv4, as text
 * @param hostPort port of the host, 0 to 65535; 0 lets the host choose, see
 *     {@link UserNetwork#hostPort}
 * @param guestAddress address of the guest: IPv4, as text; empty for the first address that the
 *     network gives to guests
 * @param guestPort port of the guest, 1 to 65535
 */
public record HostForward(Protocol protocol, String hostAddress, int hostPort, String guestAddress, int guestPort) {
    private static final String ALL_ADDRESSES = "0.0.0.0";
    private static final String LOOPBACK = "127.0.0.1";
    private static final Pattern RULE = Pattern.compile("(tcp|udp)?:([0-9.]*):(\\d{1,5})-([0-9.]*):(\\d{1,5})");
    private static final int MAX_PORT = 0xffff;

    /**
     * Checks the addresses and ports; throws {@link IllegalArgumentException} if one is not valid.
     */
    public HostForward {
        Objects.requireNonNull(protocol, "protocol");
        Objects.requireNonNull(hostAddress, "hostAddress");
        Objects.requireNonNull(guestAddress, "guestAddress");
        Ipv4Address.parse(hostAddress);
        if (!guestAddress.isEmpty()) Ipv4Address.parse(guestAddress);
        if (hostPort < 0 || hostPort > MAX_PORT) {
            throw new IllegalArgumentException("host port: 0 to 65535, was " + hostPort);
        }
        if (guestPort < 1 || guestPort > MAX_PORT) {
            throw new IllegalArgumentException("guest port: 1 to 65535, was " + guestPort);
        }
    }

    /** Returns a forward from a TCP port of the host's loopback. */
    public static HostForward tcp(int hostPort, int guestPort) {
        return new HostForward(Protocol.TCP, LOOPBACK, hostPort, "", guestPort);
    }

    /** Returns a forward from a UDP port of the host's loopback. */
    public static HostForward udp(int hostPort, int guestPort) {
        return new HostForward(Protocol.UDP, LOOPBACK, hostPort, "", guestPort);
    }

    /**
     * Reads a rule in the format of QEMU's {@code hostfwd=}, for example {@code tcp::10022-:22}. As
     * in QEMU, the default protocol is TCP, and the default host address is all addresses of the
     * host, so that other machines can reach the guest. With {@code tcp:127.0.0.1:10022-:22} only
     * this host can.
     *
     * @throws IllegalArgumentException if the rule is not
     *     {@code [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport}
     */
    public static HostForward parse(String rule) {
        Objects.requireNonNull(rule, "rule");
        Matcher parts = RULE.matcher(rule);
        if (!parts.matches()) {
            throw new IllegalArgumentException(
                    "hostfwd: [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport, was \"" + rule + "\"");
        }
        return new HostForward(
                "udp".equals(parts.group(1)) ? Protocol.UDP : Protocol.TCP,
                parts.group(2).isEmpty() ? ALL_ADDRESSES : parts.group(2),
                Integer.parseInt(parts.group(3)),
                parts.group(4),
                Integer.parseInt(parts.group(5)));
    }

    @Override
    public String toString() {
        return "%s:%s:%d-%s:%d"
                .formatted(protocol.name().toLowerCase(Locale.ROOT), hostAddress, hostPort, guestAddress, guestPort);
    }
}
