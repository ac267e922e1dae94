package dev.microvm.devices.virtio.vsock;

import dev.microvm.error.GuestNoise;
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
 * The host's end of a guest's socket device: connects to ports of the guest's, and listens at ports of the host's, which are this
 * guest's alone. Any thread may call.
 *
 * <p>It outlives the guest's driver and, with a machine that starts again after a reset, the machine: listeners stay, connections
 * end. At most {@link #MOST_CONNECTIONS} at a time, with at most 256 KiB of what is on its way each.
 */
public final class VsockHost implements AutoCloseable {
    /** The most connections at a time, from when they are asked for until both sides have let go of them. */
    public static final int MOST_CONNECTIONS = 1024;

    /** The highest port. The one above it is VMADDR_PORT_ANY of {@code linux/vm_sockets.h}. */
    public static final long LAST_PORT = 0xffff_fffeL;

    private static final Logger log = LoggerFactory.getLogger(VsockHost.class);

    private volatile boolean ended;

    // Guarded by this.
    private final Map<Long, VsockListener> listeners = new HashMap<>();
    private @Nullable Predicate<VsockChannel> fallback;
    private @Nullable VirtioVsock device;
    private int connections;
    private final GuestNoise refused = new GuestNoise(); // for there were too many

    /** Makes one that leads to no guest before a {@link VirtioVsock} is made with it. */
    public VsockHost() {}

    /**
     * Connects to a port of the guest's, and waits for its answer. A guest whose driver is not there yet is waited for too; one
     * where nobody listens at the port refuses at once.
     *
     * @param port 0 to {@link #LAST_PORT}
     * @param timeout how long to wait
     * @throws ConnectException if the guest refuses, does not run, or there are {@link #MOST_CONNECTIONS}
     * @throws java.net.SocketTimeoutException if there is no answer in time
     * @throws java.nio.channels.ClosedByInterruptException if the thread is interrupted
     */
    public VsockChannel connect(long port, Duration timeout) throws IOException {
        VsockChannel channel = request(port);
        try {
            channel.awaitEstablished(timeout.toNanos());
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    /** Asks for a connection, whose answer is to be waited for. */
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
     * Listens at a port of the host's, whether the guest runs already or not; before {@link VsockUnixSockets}, where there are
     * both.
     *
     * @param port 0 to {@link #LAST_PORT}
     * @throws BindException if somebody listens at it
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

    /** Whether it is closed. */
    boolean ended() {
        return ended;
    }

    /** Ends it for good, as a machine does when it ends: listeners are closed, connections reset. Twice is once. */
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

    /** Sets who is offered connections to ports where nobody listens, on the loop; false is a refusal. */
    synchronized void listenElsewhere(@Nullable Predicate<VsockChannel> acceptor) {
        fallback = acceptor;
    }

    // ---- the device's side

    /** Makes a device the way to the guest. */
    synchronized void attach(VirtioVsock next) {
        device = next;
    }

    /** Says that a device is the way no more. */
    synchronized void detach(VirtioVsock last) {
        if (device == last) device = null;
    }

    /** Makes a connection that the guest asks for; null if nobody listens, or there are too many. */
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

    /** Offers a connection, which was just admitted, to who listens. */
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

    /** Both sides have let go of a connection. */
    synchronized void release() {
        connections--;
    }

    /** How many connections there are. */
    synchronized int connections() {
        return connections;
    }
}
