package dev.microvm.examples;

import java.util.HexFormat;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** Machine code as the lessons print it: the bytes of an instruction, then its name as a comment. */
final class MachineCode {
    /** Two hexadecimal digits a byte, one space between bytes; two spaces begin the comment. */
    private static final Pattern BYTES = Pattern.compile("((?:[0-9a-f]{2} )*[0-9a-f]{2})(?:  .*)?");

    private MachineCode() {}

    /**
     * Returns the bytes of a listing, one instruction a line; empty lines count for nothing.
     *
     * @throws IllegalArgumentException if a line does not begin with bytes
     */
    static byte[] of(String listing) {
        StringBuilder digits = new StringBuilder();
        for (String line : listing.lines().filter(each -> !each.isBlank()).toList()) {
            Matcher bytes = BYTES.matcher(line);
            if (!bytes.matches()) throw new IllegalArgumentException("no machine code: " + line);
            digits.append(bytes.group(1).replace(" ", ""));
        }
        return HexFormat.of().parseHex(digits);
    }
}
