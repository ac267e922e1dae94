package dev.microvm.backend.net;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Locale;
import java.util.Objects;
import java.util.regex.Pattern;

/**
 * An Ethernet address of one station.
 *
 * @param value its 48 bits, the first byte highest
 */
public record MacAddress(long value) {
    /** Its size in bytes. */
    public static final int SIZE = 6;

    private static final Pattern TEXT = Pattern.compile("\\p{XDigit}{2}(?::\\p{XDigit}{2}){5}");
    private static final long MASK = 0xffff_ffff_ffffL;

    // IEEE 802, 8.2.2: the two lowest bits of the first byte
    private static final long GROUP = 1L << 40; // to many stations
    private static final long LOCAL = 1L << 41; // not given by IEEE

    /**
     * Checks it; throws {@link IllegalArgumentException} if it is zero, longer than 48 bits, or a
     * group's.
     */
    public MacAddress {
        if (value == 0 || (value & ~MASK) != 0 || (value & GROUP) != 0) {
            throw new IllegalArgumentException("no Ethernet address of one station: 0x%x".formatted(value));
        }
    }

    /** Reads one, such as {@code 02:00:5e:10:00:01}; throws {@link IllegalArgumentException}. */
    public static MacAddress parse(String text) {
        Objects.requireNonNull(text, "text");
        if (!TEXT.matcher(text).matches()) {
            throw new IllegalArgumentException("an Ethernet address such as 02:00:5e:10:00:01, was \"" + text + "\"");
        }
        return new MacAddress(Long.parseLong(text.replace(":", ""), 16));
    }

    /**
     * A locally administered address that is always the same for the same machine.
     *
     * @param machine its name
     * @param index of the device in it
     */
    public static MacAddress of(String machine, int index) {
        Objects.requireNonNull(machine, "machine");
        try {
            byte[] hash = MessageDigest.getInstance("SHA-256").digest((machine + "/" + index).getBytes(UTF_8));
            long value = 0;
            for (int i = 0; i < SIZE; i++) value = (value << Byte.SIZE) | (hash[i] & 0xff);
            return new MacAddress((value | LOCAL) & ~GROUP);
        } catch (NoSuchAlgorithmException e) {
            throw new AssertionError("every Java has SHA-256", e);
        }
    }

    /** One of its bytes, from the first, 0, on. */
    public int byteAt(int index) {
        return (int) (value >>> (Byte.SIZE * (SIZE - 1 - index))) & 0xff;
    }

    @Override
    public String toString() {
        return "%02x:%02x:%02x:%02x:%02x:%02x"
                .formatted(byteAt(0), byteAt(1), byteAt(2), byteAt(3), byteAt(4), byteAt(5))
                .toLowerCase(Locale.ROOT);
    }
}
