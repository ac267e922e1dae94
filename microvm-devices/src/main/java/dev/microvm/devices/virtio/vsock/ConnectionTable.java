package dev.microvm.devices.virtio.vsock;

import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * Finds the connections of a device by their two ports. A lookup allocates nothing. Not
 * thread-safe.
 */
final class ConnectionTable {
    private static final int BUCKETS = VsockHost.MOST_CONNECTIONS; // a power of two
    private static final int SPREAD = 0x9E37_79B9; // 2^32 divided by the golden ratio: neighbours end up far apart

    private final @Nullable Connection[] buckets = new Connection[BUCKETS];

    /** Returns the connection of these ports, or null. */
    @Nullable
    Connection get(int hostPort, int guestPort) {
        Connection each = buckets[bucket(hostPort, guestPort)];
        while (each != null && (each.hostPort() != hostPort || each.guestPort() != guestPort)) each = each.nextInTable;
        return each;
    }

    /** Adds a connection. No other connection may have the same ports. */
    void add(Connection connection) {
        int bucket = bucket(connection.hostPort(), connection.guestPort());
        connection.nextInTable = buckets[bucket];
        buckets[bucket] = connection;
    }

    /** Removes a connection, if it is in the table. */
    void remove(Connection connection) {
        int bucket = bucket(connection.hostPort(), connection.guestPort());
        Connection before = null;
        for (Connection each = buckets[bucket]; each != null; each = each.nextInTable) {
            if (each == connection) {
                if (before == null) buckets[bucket] = each.nextInTable;
                else before.nextInTable = each.nextInTable;
                each.nextInTable = null;
                return;
            }
            before = each;
        }
    }

    /** Removes all connections and passes each to an action. */
    void drain(Consumer<Connection> action) {
        for (int bucket = 0; bucket < BUCKETS; bucket++) {
            for (Connection each = buckets[bucket]; each != null; each = buckets[bucket]) {
                buckets[bucket] = each.nextInTable;
                each.nextInTable = null;
                action.accept(each);
            }
        }
    }

    private static int bucket(int hostPort, int guestPort) {
        int hash = (hostPort * SPREAD + guestPort) * SPREAD;
        return (hash ^ hash >>> Short.SIZE) & (BUCKETS - 1);
    }
}
