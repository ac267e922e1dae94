package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.US_ASCII;

import java.io.ByteArrayOutputStream;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The names that a user network gives its guests by DHCP.
 *
 * @param hostName name of the guest, with or without its domain: RFC 2132, 3.14; null for none
 * @param domain domain of the guest: RFC 2132, 3.17; null for none
 * @param search domains in which the guest looks for short names, the preferred one first: RFC 3397
 */
public record DhcpNames(@Nullable String hostName, @Nullable String domain, List<String> search) {
    /** No names. */
    public static final DhcpNames NONE = new DhcpNames(null, null, List.of());

    private static final int HOST_NAME = 12; // options: RFC 2132
    private static final int DOMAIN_NAME = 15;
    private static final int DOMAIN_SEARCH = 119; // RFC 3397

    /** Bytes for all options of names in a message of {@link DhcpServer#MAX_SIZE}. */
    private static final int ROOM = DhcpServer.MAX_SIZE - DhcpServer.SIZE_WITHOUT_NAMES;

    private static final int MAX_NAME = 253; // RFC 1035, 3.1, as text
    private static final int MAX_OPTION = 255; // bytes of one option
    private static final int POINTER = 0xc000; // RFC 1035, 4.1.4
    private static final String LABEL = "[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?";
    private static final Pattern NAME = Pattern.compile(LABEL + "(?:\\." + LABEL + ")*"); // RFC 1123, 2.1

    /** Copies the list. */
    public DhcpNames {
        Objects.requireNonNull(search, "search");
        search = List.copyOf(search);
    }

    /** Adds what is wrong with them. */
    void check(List<String> problems) {
        int before = problems.size();
        if (hostName != null) name("guestHostName", hostName, problems);
        if (domain != null) name("guestDomain", domain, problems);
        search.forEach(each -> name("guestSearch", each, problems));
        if (problems.size() != before) return;
        int size = options().length;
        if (size > ROOM) {
            problems.add("guestHostName, guestDomain, guestSearch: %d bytes of a DHCP message at most, were %d"
                    .formatted(ROOM, size));
        }
    }

    private static void name(String option, String name, List<String> problems) {
        if (name.length() > MAX_NAME || !NAME.matcher(name).matches()) {
            problems.add(option + ": a name such as web or example.org, was \"" + name + "\"");
        }
    }

    /** Returns the options of a DHCP message. */
    byte[] options() {
        ByteArrayOutputStream options = new ByteArrayOutputStream();
        if (hostName != null) put(options, HOST_NAME, hostName.getBytes(US_ASCII));
        if (domain != null) put(options, DOMAIN_NAME, domain.getBytes(US_ASCII));
        put(options, DOMAIN_SEARCH, searchList());
        return options.toByteArray();
    }

    /** Writes an option, in several parts if it is longer than one can be: RFC 3396. */
    private static void put(ByteArrayOutputStream to, int code, byte[] value) {
        for (int done = 0; done < value.length; done += MAX_OPTION) {
            byte[] part = Arrays.copyOfRange(value, done, Math.min(value.length, done + MAX_OPTION));
            to.write(code);
            to.write(part.length);
            to.writeBytes(part);
        }
    }

    /** Returns the names in the format of DNS, where a common end is written once: RFC 3397, 2. */
    private byte[] searchList() {
        ByteArrayOutputStream list = new ByteArrayOutputStream();
        Map<String, Integer> written = new HashMap<>(); // offsets of ends of names
        for (String name : search) putName(list, name, written);
        return list.toByteArray();
    }

    private static void putName(ByteArrayOutputStream to, String name, Map<String, Integer> written) {
        String rest = name;
        while (!rest.isEmpty()) {
            Integer earlier = written.putIfAbsent(rest, to.size());
            if (earlier != null) {
                to.write((POINTER | earlier) >>> Byte.SIZE);
                to.write(earlier);
                return;
            }
            int dot = rest.indexOf('.');
            String label = dot < 0 ? rest : rest.substring(0, dot);
            to.write(label.length());
            to.writeBytes(label.getBytes(US_ASCII));
            rest = dot < 0 ? "" : rest.substring(dot + 1);
        }
        to.write(0); // the root
    }

    /** Returns the host name with its domain; empty without a host name. */
    String fullHostName() {
        if (hostName == null) return "";
        return domain == null || hostName.contains(".") ? hostName : hostName + "." + domain;
    }
}
