package dev.microvm.cli.run;

import dev.microvm.backend.net.user.HostForward;
import dev.microvm.backend.net.user.Protocol;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import picocli.CommandLine.ITypeConverter;
import picocli.CommandLine.TypeConversionException;

/**
 * A port of the host that leads into the guest.
 *
 * @param address of the host, IPv4
 * @param hostPort 0 lets the host choose
 */
record PublishedPort(String address, int hostPort, int guestPort, boolean udp) {
    private static final String LOOPBACK = "127.0.0.1";

    /** Returns the address as a socket has it. */
    InetSocketAddress socketAddress() {
        try {
            return new InetSocketAddress(InetAddress.getByName(address), hostPort);
        } catch (UnknownHostException e) {
            throw new IllegalStateException(address, e); // it is a number
        }
    }

    /** Returns the rule of a network inside the process. */
    HostForward forward() {
        return new HostForward(udp ? Protocol.UDP : Protocol.TCP, address, hostPort, "", guestPort);
    }

    /** Reads {@code [[ADDRESS:]HOST:]GUEST[/udp]}. */
    static final class Converter implements ITypeConverter<PublishedPort> {
        private static final String BYTE = "(?:25[0-5]|2[0-4][0-9]|1?[0-9]{1,2})";
        private static final Pattern PORTS =
                Pattern.compile("(?:(?:(" + BYTE + "(?:\\." + BYTE + "){3}):)?([0-9]{0,5}):)?([0-9]{1,5})(/tcp|/udp)?");

        @Override
        public PublishedPort convert(String text) {
            Matcher ports = PORTS.matcher(text);
            if (!ports.matches()) throw refusal(text);
            String host = Objects.requireNonNullElse(ports.group(2), "");
            int hostPort = host.isEmpty() ? 0 : Integer.parseInt(host);
            int guestPort = Integer.parseInt(ports.group(3));
            if (hostPort > 0xffff || guestPort < 1 || guestPort > 0xffff) throw refusal(text);
            String address = Objects.requireNonNullElse(ports.group(1), LOOPBACK);
            return new PublishedPort(address, hostPort, guestPort, "/udp".equals(ports.group(4)));
        }

        private static TypeConversionException refusal(String text) {
            return new TypeConversionException(
                    "must be HOST:GUEST, such as 8080:80, or 0.0.0.0:8080:80, was '" + text + "'");
        }
    }
}
