package dev.microvm.cli.firecracker.mmds;

import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * A request of HTTP/1.0 or 1.1 that a guest sends: its head, with bounds on everything. A body is
 * read and dropped.
 *
 * @param method as sent
 * @param path of the URI, without a query
 * @param headers by name in lower case
 * @param lasts whether the connection stays open after it
 */
record HttpRequest(String method, String path, Map<String, String> headers, boolean lasts) {
    private static final int LONGEST_HEAD = 8192; // bytes
    private static final int LONGEST_BODY = 51_200; // bytes, as Firecracker has it
    private static final String SCHEME = "http://";

    /** Thrown if a guest sends what is no such request: it is answered by 400, and is the last. */
    static final class Malformed extends Exception {
        private static final long serialVersionUID = 1L;

        Malformed(String message) {
            super(message);
        }
    }

    /**
     * Reads the next request; empty at the end of the connection.
     *
     * @throws Malformed if it is none, or exceeds a bound
     */
    static Optional<HttpRequest> read(InputStream from) throws IOException, Malformed {
        String head = readHead(from);
        if (head == null) return Optional.empty();
        String[] lines = head.split("\r\n");
        String[] parts = lines[0].split(" ", -1);
        if (parts.length != 3 || !parts[2].matches("HTTP/1\\.[01]")) throw new Malformed("Invalid request line.");
        Map<String, String> headers = headers(lines);
        skipBody(headers, from);
        String connection = headers.getOrDefault("connection", "").toLowerCase(Locale.ROOT);
        boolean lasts = parts[2].endsWith("1") ? !connection.contains("close") : connection.contains("keep-alive");
        return Optional.of(new HttpRequest(parts[0], path(parts[1]), headers, lasts));
    }

    /** Reads up to the empty line, which is not part of the result; null if nothing comes. */
    private static @Nullable String readHead(InputStream from) throws IOException, Malformed {
        StringBuilder head = new StringBuilder();
        while (head.length() < LONGEST_HEAD) {
            int next = from.read();
            if (next < 0) {
                if (head.isEmpty()) return null;
                throw new Malformed("The request is cut short.");
            }
            head.append((char) next);
            if (next == '\n' && head.length() > 4 && head.lastIndexOf("\r\n\r\n") == head.length() - 4) {
                return head.substring(0, head.length() - 4);
            }
        }
        throw new Malformed("The request is too long.");
    }

    private static Map<String, String> headers(String[] lines) throws Malformed {
        Map<String, String> headers = new HashMap<>();
        for (int i = 1; i < lines.length; i++) {
            int colon = lines[i].indexOf(':');
            if (colon <= 0) throw new Malformed("Invalid header.");
            headers.put(
                    lines[i].substring(0, colon).toLowerCase(Locale.ROOT),
                    lines[i].substring(colon + 1).strip());
        }
        return headers;
    }

    private static void skipBody(Map<String, String> headers, InputStream from) throws IOException, Malformed {
        if (headers.containsKey("transfer-encoding")) throw new Malformed("Unsupported header: transfer-encoding.");
        String length = headers.getOrDefault("content-length", "0");
        if (!length.matches("\\d{1,9}") || Integer.parseInt(length) > LONGEST_BODY) {
            throw new Malformed("Invalid content length.");
        }
        from.skipNBytes(Integer.parseInt(length));
    }

    /** Returns the path of a URI in absolute or origin form; empty if it has none. */
    private static String path(String uri) {
        String path = uri;
        if (uri.startsWith(SCHEME)) {
            int slash = uri.indexOf('/', SCHEME.length());
            path = slash < 0 ? "" : uri.substring(slash);
        }
        int query = path.indexOf('?');
        return query < 0 ? path : path.substring(0, query);
    }

    /** Returns the first of these headers that there is. */
    Optional<String> header(String... names) {
        for (String name : names) {
            String value = headers.get(name);
            if (value != null) return Optional.of(value);
        }
        return Optional.empty();
    }
}
