package dev.microvm.sandbox.root.tree;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;

/**
 * Names of Linux as they are: bytes in no particular encoding. They are kept as raw strings, one
 * character for each byte. So nothing is lost, and their order is that of the bytes.
 */
public final class RawName {
    private static final int HEX = 16;

    private RawName() {}

    /** Returns the raw name of {@code text} in UTF-8. */
    public static String of(String text) {
        return of(text.getBytes(StandardCharsets.UTF_8));
    }

    /** Returns the raw name that has these bytes. */
    public static String of(byte[] bytes) {
        return new String(bytes, StandardCharsets.ISO_8859_1);
    }

    /** Returns the bytes of a raw name. */
    public static byte[] bytes(String raw) {
        return raw.getBytes(StandardCharsets.ISO_8859_1);
    }

    /** Returns a raw name for messages: as UTF-8. */
    public static String text(String raw) {
        return new String(bytes(raw), StandardCharsets.UTF_8);
    }

    /**
     * Returns the raw name of a path of the host, all of it. The JVM decodes names by the user's
     * locale and so loses some. A path as a URI still has the bytes.
     *
     * @param path one whose bytes matter: relative paths, such as targets of links, stay relative
     */
    public static String of(Path path) {
        String text = path.toString();
        if (isAscii(text)) return text;
        String all = decode(path.toUri().getRawPath());
        if (!path.isAbsolute()) {
            int folder = decode(Path.of("").toUri().getRawPath()).length();
            all = all.substring(folder);
        }
        return all.endsWith("/") ? all.substring(0, all.length() - 1) : all; // a URI marks directories
    }

    private static boolean isAscii(String text) {
        for (int i = 0; i < text.length(); i++) {
            if (text.charAt(i) > 0x7F) return false;
        }
        return true;
    }

    /** Undoes the escapes of a URI: {@code %C3}. */
    private static String decode(String escaped) {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        for (int i = 0; i < escaped.length(); i++) {
            char next = escaped.charAt(i);
            if (next == '%') {
                bytes.write(Integer.parseInt(escaped, i + 1, i + 3, HEX));
                i += 2;
            } else {
                bytes.write(next);
            }
        }
        return of(bytes.toByteArray());
    }
}
