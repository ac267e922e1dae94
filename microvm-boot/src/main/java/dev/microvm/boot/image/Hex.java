package dev.microvm.boot.image;

import java.util.Arrays;
import java.util.HexFormat;

/** Formats bytes for messages. */
public final class Hex {
    private static final int SHOWN = 8; // bytes

    private Hex() {}

    /**
     * Returns the first few of {@code bytes}, such as {@code 7f 45 4c 46}; {@code nothing} if there
     * are none.
     */
    public static String start(byte[] bytes) {
        if (bytes.length == 0) return "nothing";
        return HexFormat.ofDelimiter(" ").formatHex(Arrays.copyOf(bytes, Math.min(SHOWN, bytes.length)));
    }
}
