package dev.microvm.backend.net.user;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A port of the host that leads into the guest.
 *
 * @param protocol TCP or UDP
 * @param hostAddress the host's address that listens: IPv4, as text
 * @param hostPort 0 to 65535; 0 lets the host choose, see {@link UserNetwork#hostPort}
 * @param guestAddress the guest's: IPv4, as text; empty for the first that the network gives to guests
 * @param guestPort 1 to 65535
 */
public record HostForward(Protocol protocol, String hostAddress, int hostPort, String guestAddress, int guestPort) {
    private static final String ALL_ADDRESSES = "0.0.0.0";
    private static final String LOOPBACK = "127.0.0.1";
    private static final Pattern RULE = Pattern.compile("(tcp|udp)?:([0-9.]*):(\\d{1,5})-([0-9.]*):(\\d{1,5})");
    private static final int MAX_PORT = 0xffff;

    /** Checks it; throws {@link IllegalArgumentException}. */
    public HostForward {
        Ipv4Address.parse(hostAddress);
        if (!guestAddress.isEmpty()) Ipv4Address.parse(guestAddress);
        if (hostPort < 0 || hostPort > MAX_PORT) {
            throw new IllegalArgumentException("host port: 0 to 65535, was " + hostPort);
        }
        if (guestPort < 1 || guestPort > MAX_PORT) {
            throw new IllegalArgumentException("guest port: 1 to 65535, was " + guestPort);
        }
    }

    /** A forward from a TCP port of the host's loopback. */
    public static HostForward tcp(int hostPort, int guestPort) {
        return new HostForward(Protocol.TCP, LOOPBACK, hostPort, "", guestPort);
    }

    /** A forward from a UDP port of the host's loopback. */
    public static HostForward udp(int hostPort, int guestPort) {
        return new HostForward(Protocol.UDP, LOOPBACK, hostPort, "", guestPort);
    }

    /**
     * Reads a rule as QEMU's {@code hostfwd=} takes it: {@code tcp::10022-:22}. As there, no protocol is TCP, and no host
     * address is all of the host's addresses, so that other machines reach the guest; {@code tcp:127.0.0.1:10022-:22} is
     * for this host alone.
     *
     * @throws IllegalArgumentException if it is not {@code [tcp|udp]:[hostaddr]:hostport-[guestaddr]:guestport}
     */
    public static HostForward parse(String rule) {
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
