package dev.microvm.devices.virtio.vsock;

import dev.microvm.error.GuestNoise;
import dev.microvm.event.Timeouts;
import java.io.IOException;
import java.net.BindException;
import java.net.ConnectException;
import java.net.SocketException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The host's end of a socket device: connects to ports of the guest, and listens at ports of the
 * host, which only this guest can reach. Any thread may call.
 *
 * <p>It outlives resets of the guest's driver and of the machine: listeners stay, connections end.
 * It has at most {@link #MOST_CONNECTIONS} connections at a time, each with at most 256 KiB of
 * bytes in transit.
 */
public final class VsockHost implements AutoCloseable {
    /**
     * Maximum number of connections at a time. A connection counts from the request until both
     * sides have released it.
     */
    public static final int MOST_CONNECTIONS = 1024;

    /** Highest port. The number above is VMADDR_PORT_ANY of {@code linux/vm_sockets.h}. */
    public static final long LAST_PORT = 0xffff_fffeL;

    private static final Logger log = LoggerFactory.getLogger(VsockHost.class);

    private volatile boolean ended;

    // Guarded by this.
    private final Map<Long, VsockListener> listeners = new HashMap<>();
    private @Nullable Predicate<VsockChannel> fallback;
    private @Nullable VirtioVsock device;
    private int connections;
    private final GuestNoise refused = new GuestNoise(); // for there were too many

    /**
     * Makes a host end that is not connected to a guest until a {@link VirtioVsock} is made with
     * it.
     */
    public VsockHost() {}

    /**
     * Connects to a port of the guest and waits for the answer, also while the guest's driver has
     * not started yet. If no program listens at the port, the guest refuses immediately.
     *
     * @param port port of the guest, 0 to {@link #LAST_PORT}
     * @param timeout maximum time to wait, 0 or more
     * @throws IllegalArgumentException if {@code timeout} is negative
     * @throws ConnectException if the guest refuses or does not run, or if there are
     *     {@link #MOST_CONNECTIONS} connections already
     * @throws java.net.SocketTimeoutException if there is no answer in time
     * @throws java.nio.channels.ClosedByInterruptException if the thread is interrupted
     */
    public VsockChannel connect(long port, Duration timeout) throws IOException {
        long nanos = Timeouts.nanos("timeout", timeout);
        VsockChannel channel = request(port);
        try {
            channel.awaitEstablished(nanos);
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /** Asks the guest for a connection, without waiting for the answer. */
    VsockChannel request(long port) throws IOException {
        checkPort(port);
        VirtioVsock way;
        synchronized (this) {
            way = device;
            if (way == null || ended)
                throw new ConnectException("guest port %d: the guest does not run".formatted(port));
            if (!reserve()) {
                throw new ConnectException("guest port %d: there are %d connections, the most that there may be"
                        .formatted(port, connections));
            }
        }
        Connection connection = Connection.toGuest(this, way, (int) port);
        if (!way.attend(connection)) { // closed just now
            connection.detach();
            connection.close();
            throw new ConnectException("guest port %d: the guest does not run".formatted(port));
        }
        return new VsockChannel(connection);
    }

    /**
     * Listens at a port of the host, whether or not the guest runs. A listener has priority over
     * {@link VsockUnixSockets}.
     *
     * @param port port of the host, 0 to {@link #LAST_PORT}
     * @throws BindException if the port already has a listener
     * @throws SocketException if the machine has ended
     */
    public VsockListener listen(long port) throws IOException {
        checkPort(port);
        synchronized (this) {
            if (ended) throw new SocketException("host port %d: the guest has ended".formatted(port));
            if (listeners.containsKey(port)) throw new BindException("host port %d: in use".formatted(port));
            VsockListener listener = new VsockListener(this, port);
            listeners.put(port, listener);
            return listener;
        }
    }

    private static void checkPort(long port) {
        if (port < 0 || port > LAST_PORT) {
            throw new IllegalArgumentException("port: 0 to %d, was %d".formatted(LAST_PORT, port));
        }
    }

    /** Returns whether it is closed. */
    boolean ended() {
        return ended;
    }

    /**
     * Closes all listeners and resets all connections, as at the end of the machine. A second call
     * has no effect.
     */
    @Override
    public void close() {
        List<VsockListener> open;
        VirtioVsock last;
        synchronized (this) {
            ended = true;
            open = new ArrayList<>(listeners.values());
            last = device;
        }
        for (VsockListener each : open) {
            try {
                each.close();
            } catch (IOException e) {
                log.warn("{}: {}", each, e.toString());
            }
        }
        if (last != null) last.hostEnded();
    }

    synchronized void forget(VsockListener listener) {
        listeners.remove(listener.port(), listener);
    }

    /**
     * Sets the acceptor of connections to ports without a listener. It is called on the loop, and
     * returns false to refuse.
     */
    synchronized void listenElsewhere(@Nullable Predicate<VsockChannel> acceptor) {
        fallback = acceptor;
    }

    // ---- the device's side

    /** Sets the device that leads to the guest. */
    synchronized void attach(VirtioVsock next) {
        device = next;
    }

    /** Removes the device that leads to the guest. */
    synchronized void detach(VirtioVsock last) {
        if (device == last) device = null;
    }

    /**
     * Makes a connection that the guest asks for; returns null if no program listens, or there are
     * too many connections.
     */
    @Nullable
    Connection admit(VirtioVsock by, PacketHeader request) {
        synchronized (this) {
            if (acceptor(request.destinationPort) == null) return null;
            if (!reserve()) {
                long n = refused.count();
                if (n != 0) log.warn("vsock: {} connections, the most; {} refused so far", connections, n);
                return null;
            }
        }
        return Connection.fromGuest(this, by, request);
    }

    /** Offers a connection that was just admitted to the listener of its port. */
    void offer(Connection connection) {
        VsockChannel channel = new VsockChannel(connection);
        Predicate<VsockChannel> acceptor;
        synchronized (this) {
            acceptor = acceptor(connection.hostPort());
        }
        if (acceptor == null || !acceptor.test(channel)) connection.close(); // which refuses it
    }

    private @Nullable Predicate<VsockChannel> acceptor(int port) {
        if (ended) return null;
        VsockListener listener = listeners.get(Integer.toUnsignedLong(port));
        return listener == null ? fallback : listener::offer;
    }

    private boolean reserve() {
        if (connections == MOST_CONNECTIONS) return false;
        connections++;
        return true;
    }

    /** Notes that both sides have released a connection. */
    synchronized void release() {
        connections--;
    }

    /** Returns the number of connections. */
    synchronized int connections() {
        return connections;
    }
}
