package dev.microvm.backend.net.user;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** The name servers for the guest's questions. If there is none, the host resolves names itself. */
record NameServers(List<InetSocketAddress> all) {
    private static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");
    private static final Pattern LINE = Pattern.compile("\\s*nameserver\\s+([0-9.]+)\\s*"); // resolv.conf(5)
    private static final int MOST = 3; // MAXNS of resolv.conf(5)

    /** Returns the configured name servers, or those of the host if none is configured. */
    static NameServers of(UserNetworkConfig config) {
        if (config.hostNames()) return new NameServers(List.of());
        return config.nameServers().isEmpty() ? read(RESOLV_CONF) : new NameServers(config.nameServers());
    }

    /**
     * Reads the name servers of a file in the format of resolv.conf(5); returns none if it cannot
     * be read.
     */
    static NameServers read(Path file) {
        List<InetSocketAddress> found = new ArrayList<>();
        try {
            for (String line : Files.readAllLines(file)) {
                Matcher matcher = LINE.matcher(line);
                if (!matcher.matches() || found.size() == MOST) continue;
                found.add(
                        new InetSocketAddress(Ipv4Address.of(Ipv4Address.parse(matcher.group(1))), NetPolicy.DNS_PORT));
            }
        } catch (IOException | IllegalArgumentException e) {
            return new NameServers(List.copyOf(found)); // there is no such file on this system, or it is damaged
        }
        return new NameServers(List.copyOf(found));
    }

    boolean isEmpty() {
        return all.isEmpty();
    }

    @Nullable
    InetSocketAddress first() {
        return all.isEmpty() ? null : all.getFirst();
    }
}
