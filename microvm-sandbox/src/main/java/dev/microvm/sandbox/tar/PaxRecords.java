package dev.microvm.sandbox.tar;

import dev.microvm.sandbox.root.tree.RawName;
import java.util.HashMap;
import java.util.Map;

/**
 * The records of a pax header: {@code length key=value} lines, whose values are bytes.
 *
 * <p>Source: POSIX.1-2017, pax, "pax Extended Header".
 */
final class PaxRecords {
    /** The map of a file with holes in the form 0.1 of GNU tar: offsets and lengths with commas. */
    static final String SPARSE_MAP = "GNU.sparse.map";

    private PaxRecords() {}

    /** In the form 0.0 each number is a record of its own, and the only keys that are repeated. */
    private static boolean isSparsePiece(String key) {
        return key.equals("GNU.sparse.offset") || key.equals("GNU.sparse.numbytes");
    }

    /** Reads them as raw strings. */
    static Map<String, String> read(byte[] bytes) {
        String text = RawName.of(bytes);
        Map<String, String> records = new HashMap<>();
        int at = 0;
        while (at < text.length() && text.charAt(at) != '\0') {
            int space = text.indexOf(' ', at);
            int length = space < 0 ? 0 : length(text.substring(at, space));
            int equals = space < 0 ? -1 : text.indexOf('=', space);
            int end = at + length;
            if (length <= 0 || end > text.length() || equals < 0 || equals >= end || text.charAt(end - 1) != '\n') {
                throw TarHeader.broken("a pax header has a record that is not one");
            }
            String key = text.substring(space + 1, equals);
            String value = text.substring(equals + 1, end - 1);
            if (isSparsePiece(key)) records.merge(SPARSE_MAP, value, (all, next) -> all + "," + next);
            else records.put(key, value);
            at = end;
        }
        return records;
    }

    /** Returns the bytes of records, in their order. */
    static byte[] write(Map<String, String> records) {
        StringBuilder text = new StringBuilder();
        records.forEach((key, value) -> {
            int rest = key.length() + value.length() + 3; // a space, an = and a line feed
            int length = rest + 1;
            while (length != rest + Integer.toString(length).length()) length++; // it counts its own digits
            text.append(length)
                    .append(' ')
                    .append(key)
                    .append('=')
                    .append(value)
                    .append('\n');
        });
        return RawName.bytes(text.toString());
    }

    private static int length(String digits) {
        try {
            return Integer.parseInt(digits);
        } catch (NumberFormatException e) {
            return 0;
        }
    }
}
