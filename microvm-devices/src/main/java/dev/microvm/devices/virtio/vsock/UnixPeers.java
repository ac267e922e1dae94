package dev.microvm.devices.virtio.vsock;

import dev.microvm.error.GuestNoise;
import dev.microvm.limits.Budget;
import java.io.IOException;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.Comparator;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The Unix sockets that the connections of one guest hold, each with a file descriptor of the
 * budget that all machines share. If the budget has none left, a connection of the same guest that
 * was idle for {@link #IDLE} ends; without one, the new connection is refused. If another guest
 * needs its fair part, the connections that are idle longest end. Any thread may call.
 */
final class UnixPeers implements AutoCloseable {
    /** Idle time after which a connection gives its descriptor to another one of the guest. */
    static final Duration IDLE = Duration.ofMinutes(1);

    private static final Logger log = LoggerFactory.getLogger(UnixPeers.class);

    private final String name;
    private final Budget.Share share;
    private final Set<Peer> peers = ConcurrentHashMap.newKeySet();
    private final AtomicBoolean givingBack = new AtomicBoolean();
    private final AtomicLong evicted = new AtomicLong();
    private final AtomicLong refused = new AtomicLong();
    private final GuestNoise refusals = new GuestNoise();
    private volatile boolean closed;

    /** Makes an empty set; {@code name} is for the log. */
    UnixPeers(Budget descriptors, String name) {
        this.name = name;
        share = descriptors.open(name, this::pressed);
    }

    /** A socket that is open. */
    final class Peer implements AutoCloseable {
        private final SocketChannel channel;
        private volatile long lastUsed = System.nanoTime();

        private Peer(SocketChannel channel) {
            this.channel = channel;
        }

        SocketChannel channel() {
            return channel;
        }

        /** Notes that bytes were carried. */
        void use() {
            lastUsed = System.nanoTime();
        }

        /** Closes the socket and gives its descriptor back. A second call has no effect. */
        @Override
        public void close() {
            closeQuietly(channel);
            if (peers.remove(this)) share.give(1);
        }
    }

    /** Makes sockets, such as {@code accept} of a server. */
    @FunctionalInterface
    interface Opener {
        SocketChannel open() throws IOException;
    }

    /**
     * Opens a socket; returns null if there are too many, or no descriptor can be had.
     *
     * @throws IOException if the socket cannot be opened for another reason
     */
    @Nullable
    Peer open(Opener opener) throws IOException {
        if (!take()) return null;
        SocketChannel channel;
        try {
            channel = opener.open();
        } catch (IOException e) {
            share.give(1);
            throw e;
        }
        return add(channel);
    }

    /** Takes over a socket that was accepted; closes it and returns null if it may not stay. */
    @Nullable
    Peer accepted(SocketChannel channel) {
        if (take()) return add(channel);
        closeQuietly(channel);
        return null;
    }

    private @Nullable Peer add(SocketChannel channel) {
        Peer peer = new Peer(channel);
        peers.add(peer);
        if (!closed) return peer;
        peer.close();
        return null;
    }

    private boolean take() {
        if (peers.size() < VsockHost.MOST_CONNECTIONS) {
            if (share.tryTake(1) || (evictOldest(IDLE) && share.tryTake(1))) return true;
        }
        refused.incrementAndGet();
        long n = refusals.count();
        if (n != 0) log.warn("{}: no descriptor for a connection ({} times so far): {}", name, n, share);
        return false;
    }

    private boolean evictOldest(Duration idle) {
        long now = System.nanoTime();
        Peer oldest = peers.stream()
                .max(Comparator.comparingLong(peer -> now - peer.lastUsed))
                .orElse(null);
        if (oldest == null || now - oldest.lastUsed < idle.toNanos()) return false;
        evicted.incrementAndGet();
        oldest.close();
        return true;
    }

    /** Gives back what another guest needs, on a thread of its own: the caller must not wait. */
    private void pressed() {
        if (givingBack.compareAndSet(false, true)) {
            Thread.ofVirtual().name(name).start(this::giveBack);
        }
    }

    private void giveBack() {
        givingBack.set(false);
        while (share.excess() > 0 && evictOldest(Duration.ZERO)) {
            // one more
        }
    }

    /** Returns how many connections ended to make room for others. */
    long evicted() {
        return evicted.get();
    }

    /** Returns how many connections were refused. */
    long refused() {
        return refused.get();
    }

    /** Closes all sockets; later ones are closed at once. */
    @Override
    public void close() {
        closed = true;
        peers.forEach(Peer::close);
        share.close();
    }

    static void closeQuietly(AutoCloseable channel) {
        try {
            channel.close();
        } catch (Exception e) {
            log.debug("{}: {}", channel, e.toString());
        }
    }
}
