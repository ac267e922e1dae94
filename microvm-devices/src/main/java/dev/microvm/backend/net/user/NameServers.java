package dev.microvm.backend.net.user;

import static java.nio.charset.StandardCharsets.ISO_8859_1;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.function.LongSupplier;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The name servers for the guest's questions. Those of the host follow {@code /etc/resolv.conf},
 * which changes when the host joins another network or a VPN. For the network's thread.
 */
final class NameServers {
    private static final Logger log = LoggerFactory.getLogger(NameServers.class);
    private static final Path RESOLV_CONF = Path.of("/etc/resolv.conf");
    private static final long CHECK_NANOS = 1_000_000_000L; // a change is seen after this time at most

    /** What tells whether a file has changed; null values if there is no file. */
    private record Version(
            @Nullable FileTime modified,
            long size,
            @Nullable Object inode) {
        private static final Version NONE = new Version(null, 0, null);

        private static Version of(Path file) {
            try {
                BasicFileAttributes now = Files.readAttributes(file, BasicFileAttributes.class);
                return new Version(now.lastModifiedTime(), now.size(), now.fileKey());
            } catch (IOException e) {
                return NONE;
            }
        }
    }

    private final @Nullable Path file; // null if the name servers are fixed
    private final LongSupplier clock;
    private List<InetSocketAddress> servers;
    private @Nullable Version version;
    private long checked;

    private NameServers(@Nullable Path file, List<InetSocketAddress> servers, LongSupplier clock) {
        this.file = file;
        this.servers = servers;
        this.clock = clock;
    }

    /**
     * Returns the configured name servers, or those of the host if none is configured; none if the
     * host shall resolve names itself.
     *
     * @param clock nanoseconds of a monotonic clock
     */
    static NameServers of(UserNetworkConfig config, LongSupplier clock) {
        boolean ofHost = config.nameServers().isEmpty() && !config.hostNames() && hasResolvConf();
        return ofHost ? following(RESOLV_CONF, clock) : new NameServers(null, config.nameServers(), clock);
    }

    /** Returns the name servers of a file, which is read again after each change. */
    static NameServers following(Path file, LongSupplier clock) {
        return new NameServers(file, List.of(), clock);
    }

    /** Windows keeps its name servers elsewhere; there the host resolves names. */
    private static boolean hasResolvConf() {
        return !System.getProperty("os.name").startsWith("Windows");
    }

    /** Returns the name servers, the preferred one first; none if the host resolves names. */
    List<InetSocketAddress> current() {
        if (file != null && (version == null || clock.getAsLong() - checked >= CHECK_NANOS)) check(file);
        return servers;
    }

    private void check(Path of) {
        checked = clock.getAsLong();
        Version found = Version.of(of); // before it is read: a change meanwhile is seen next time
        if (found.equals(version)) return;
        boolean first = version == null;
        version = found;
        servers = read(of);
        if (!first) log.debug("{} has changed: the name servers are {}", of, servers);
    }

    private static List<InetSocketAddress> read(Path file) {
        try {
            return ResolvConf.nameServers(Files.readString(file, ISO_8859_1)); // comments may be in any encoding
        } catch (IOException e) {
            return ResolvConf.thisHost();
        }
    }
}
