package dev.microvm.backend.net.user;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnknownHostException;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalInt;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * Reads the name servers in a file of the format of resolv.conf(5). Takes what the C library takes
 * (glibc, {@code resolv/res_init.c}): lines that it does not know, words behind an address and
 * addresses that make no sense are ignored.
 */
final class ResolvConf {
    private static final int MOST = 3; // MAXNS of resolv.h
    private static final String KEYWORD = "nameserver";

    /** The address of an IPv6 host, perhaps with a scope: RFC 4007, 11. */
    private static final Pattern IPV6 = Pattern.compile("(?=.*:)[0-9A-Fa-f:][0-9A-Fa-f:.]*(%.+)?");

    private static final int MOST_PARTS = 4; // of an IPv4 address: inet_aton(3)
    private static final long MAX_BYTE = 0xff;

    private ResolvConf() {}

    /** Returns the first three name servers of a file's text; this host if there is none. */
    static List<InetSocketAddress> nameServers(String text) {
        List<InetSocketAddress> found = new ArrayList<>();
        for (String line : text.lines().toList()) {
            InetAddress address = nameServer(line.strip());
            if (address != null && found.size() < MOST) found.add(new InetSocketAddress(address, NetPolicy.DNS_PORT));
        }
        return found.isEmpty() ? thisHost() : List.copyOf(found);
    }

    /** Returns what the C library asks where no name server is configured: this host. */
    static List<InetSocketAddress> thisHost() {
        return List.of(new InetSocketAddress(Ipv4Address.of(Ipv4Address.LOOPBACK), NetPolicy.DNS_PORT));
    }

    private static @Nullable InetAddress nameServer(String line) {
        String[] words = line.split("[ \t]+", 3);
        return words.length > 1 && words[0].equals(KEYWORD) ? address(words[1]) : null;
    }

    private static @Nullable InetAddress address(String word) {
        OptionalInt ipv4 = ipv4(word);
        if (ipv4.isPresent()) return Ipv4Address.of(ipv4.getAsInt());
        if (!IPV6.matcher(word).matches()) return null;
        try {
            return InetAddress.getByName(word); // looks nothing up: names have no colon
        } catch (UnknownHostException e) {
            return null; // no address, or a scope that this host does not have
        }
    }

    /** Reads one to four numbers, the last of which fills the rest of the address: inet_aton(3). */
    private static OptionalInt ipv4(String word) {
        String[] parts = word.split("\\.", -1);
        if (parts.length > MOST_PARTS) return OptionalInt.empty();
        long address = 0;
        for (int i = 0; i < parts.length; i++) {
            boolean last = i == parts.length - 1;
            int bits = last ? Byte.SIZE * (MOST_PARTS - i) : Byte.SIZE;
            long part = number(parts[i]);
            if (part < 0 || part > (last ? (1L << bits) - 1 : MAX_BYTE)) return OptionalInt.empty();
            address = (address << bits) | part;
        }
        return OptionalInt.of((int) address);
    }

    /** Returns a decimal, octal (0...) or hexadecimal (0x...) number; -1 if it is not one. */
    private static long number(String text) {
        if (text.isEmpty() || !Character.isDigit(text.charAt(0))) return -1;
        try {
            return Long.decode(text);
        } catch (NumberFormatException e) {
            return -1;
        }
    }
}
