package dev.microvm.engine.system;

import java.io.ByteArrayOutputStream;
import java.util.HexFormat;

/**
 * Machine code as a test shows it: a line for each instruction, its bytes in hexadecimal, then
 * {@code //} and the assembly of it, which {@link ListingsTest} compares with the bytes.
 */
final class Listing {
    static final String COMMENT = "//";

    private Listing() {}

    /** The bytes of a listing. */
    static byte[] bytes(String listing) {
        ByteArrayOutputStream code = new ByteArrayOutputStream();
        listing.lines().forEach(line -> {
            int comment = line.indexOf(COMMENT);
            String hex = (comment < 0 ? line : line.substring(0, comment)).replaceAll("\\s", "");
            code.writeBytes(HexFormat.of().parseHex(hex));
        });
        return code.toByteArray();
    }
}
