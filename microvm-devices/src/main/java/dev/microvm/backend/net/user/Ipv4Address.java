package dev.microvm.backend.net.user;

import java.net.Inet4Address;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.regex.Pattern;

/** Converts IPv4 addresses between numbers and text of four decimal numbers. */
final class Ipv4Address {
    static final int ANY = 0;
    static final int BROADCAST = -1;
    static final int LOOPBACK = 0x7f00_0001; // 127.0.0.1: RFC 1122, 3.2.1.3

    private static final Pattern TEXT =
            Pattern.compile("(?:(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)\\.){3}(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)");
    private static final int LOOPBACK_NET = 127;
    private static final int FIRST_MULTICAST = 224; // and above it reserved: IANA, "IPv4 Multicast Address Space"

    private Ipv4Address() {}

    /**
     * Reads an address.
     *
     * @throws IllegalArgumentException if the text is not an IPv4 address; names are not resolved
     */
    static int parse(String text) {
        if (!TEXT.matcher(text).matches()) throw new IllegalArgumentException("no IPv4 address: \"" + text + "\"");
        int address = 0;
        for (String part : text.split("\\.", -1)) address = (address << Byte.SIZE) | Integer.parseInt(part);
        return address;
    }

    static String text(int address) {
        return "%d.%d.%d.%d".formatted(address >>> 24, (address >>> 16) & 0xff, (address >>> 8) & 0xff, address & 0xff);
    }

    static InetAddress of(int address) {
        byte[] bytes = new byte[Integer.BYTES];
        Bytes.putInt(bytes, 0, address);
        try {
            return InetAddress.getByAddress(bytes);
        } catch (UnknownHostException e) {
            throw new AssertionError("four bytes are an address", e);
        }
    }

    static int of(InetAddress address) {
        return address instanceof Inet4Address ? Bytes.getInt(address.getAddress(), 0) : ANY;
    }

    /**
     * Returns whether packets of a network may go to the address: not "this", loopback, multicast,
     * reserved or broadcast.
     */
    static boolean isUnicast(int address) {
        int net = address >>> 24;
        return net != 0 && net != LOOPBACK_NET && net < FIRST_MULTICAST;
    }
}
