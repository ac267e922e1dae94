package dev.microvm.devices.virtio.vsock;

import static dev.microvm.devices.virtio.vsock.VsockProtocol.*;

import dev.microvm.clock.Timers;
import dev.microvm.devices.virtio.ChainHandler;
import dev.microvm.devices.virtio.DescriptorChain;
import dev.microvm.devices.virtio.GuestBuffer;
import dev.microvm.devices.virtio.VirtioConfigSpace;
import dev.microvm.devices.virtio.VirtioDevice;
import dev.microvm.devices.virtio.VirtioTransport;
import dev.microvm.devices.virtio.Virtqueue;
import dev.microvm.event.Signal;
import dev.microvm.state.DeviceState;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A socket device: VIRTIO 1.2, section 5.10. It transfers the packets of the connections of a
 * {@link VsockHost}, which outlives the device.
 *
 * <p>Packets for the guest are made when there is a buffer for them, for each connection in turn.
 * Packets from the guest are taken immediately, because its credit never exceeds the room of a
 * connection. The exception: while {@link #MOST_RESETS} resets for packets without a connection
 * wait for buffers, the device takes no packets (5.10.6.1).
 */
public final class VirtioVsock implements VirtioDevice {
    /** Device ID: section 5.10.1. */
    public static final int DEVICE_ID = 19;

    /** Lowest context ID of a guest: section 5.10.4. */
    public static final long FIRST_CID = 3;

    /** Highest context ID of a guest. */
    public static final long LAST_CID = 0xffff_fffeL;

    private static final int QUEUE_SIZE = 256;
    private static final int EVENT_QUEUE_SIZE = 16;
    private static final int MOST_RESETS = QUEUE_SIZE;
    private static final int FIRST_CHOSEN_PORT = 1 << 30; // above what anybody listens at

    /**
     * Time for the guest to answer the end of a connection: section 5.10.6.5. Linux uses the same
     * time.
     */
    private static final Duration LAST_CALL = Duration.ofSeconds(8);

    private static final String DRIVER_RESET = "connection reset: so was the guest's driver";
    private static final String MACHINE_ENDED = "connection reset: the guest ended";

    private static final String STATE_TYPE = "virtio-vsock";
    private static final String NEXT_PORT = "nextPort";
    private static final int STATE_VERSION = 2; // 2: with the port that is chosen next

    /** A reset to send to the guest, because there is no such connection. */
    private record Reset(int hostPort, int guestPort, int type) {}

    private final VirtioTransport transport;
    private final VsockHost host;
    private final long guestCid;
    private final Virtqueue toGuest;
    private final Virtqueue fromGuest;
    private final Virtqueue events;
    private final Signal attention;
    private final ChainHandler take = this::take; // made once: a packet allocates nothing
    private final VirtioConfigSpace config = new VirtioConfigSpace(CONFIG_SIZE);
    private final PacketHeader packet = new PacketHeader();
    private final ConnectionTable table = new ConnectionTable();
    private final ArrayDeque<Reset> resets = new ArrayDeque<>();
    private boolean active;
    private boolean owesTransportReset;
    private boolean resetPending; // the guest has not acted on the transport reset yet
    private int nextPort = FIRST_CHOSEN_PORT;

    private final Object lock = new Object();

    // Guarded by the lock.
    private final ArrayDeque<Connection> waiting = new ArrayDeque<>(); // those that may have something to send
    private boolean closed;

    /**
     * Makes a device and connects {@code host} to the guest through it.
     *
     * @param guestCid context ID of the guest, {@link #FIRST_CID} to {@link #LAST_CID}
     * @param host host whose connections the device transfers
     * @throws IllegalArgumentException if the context ID is out of range
     */
    public VirtioVsock(VirtioTransport transport, long guestCid, VsockHost host) {
        Objects.requireNonNull(transport, "transport");
        Objects.requireNonNull(host, "host");
        if (guestCid < FIRST_CID || guestCid > LAST_CID) {
            throw new IllegalArgumentException("guest CID: %d to %d, was %d".formatted(FIRST_CID, LAST_CID, guestCid));
        }
        this.transport = transport;
        this.host = host;
        this.guestCid = guestCid;
        toGuest = transport.addQueue(QUEUE_SIZE);
        fromGuest = transport.addQueue(QUEUE_SIZE);
        events = transport.addQueue(EVENT_QUEUE_SIZE);
        config.putLong(CONFIG_GUEST_CID, guestCid);
        attention = transport.loop().signal(this::serve);
        host.attach(this);
    }

    @Override
    public int deviceId() {
        return DEVICE_ID;
    }

    @Override
    public String name() {
        return "virtio-vsock";
    }

    @Override
    public long features() {
        return F_STREAM;
    }

    @Override
    public VirtioConfigSpace config() {
        return config;
    }

    // ---- life

    @Override
    public void activate(long features) {
        active = true;
    }

    /**
     * Ends the connections that the guest knows. Those that it does not know yet wait for its next
     * driver.
     */
    @Override
    public void reset() {
        active = false;
        owesTransportReset = false;
        resetPending = false;
        resets.clear();
        abandonAll(DRIVER_RESET);
        prune();
    }

    @Override
    public void close() {
        host.detach(this);
        synchronized (lock) {
            closed = true;
        }
        abandonEverything();
        attention.close();
    }

    /** Tells the device that its host was closed. Any thread may call. */
    void hostEnded() {
        attention.raise();
    }

    private void abandonAll(String reason) {
        table.drain(each -> {
            each.abandon(reason);
            letGo(each);
        });
    }

    private void abandonEverything() {
        abandonAll(MACHINE_ENDED);
        for (Connection each = poll(); each != null; each = poll()) {
            each.abandon(MACHINE_ENDED);
            letGo(each);
        }
    }

    private static void letGo(Connection connection) {
        Timers.Timer timer = connection.lastCall;
        if (timer != null) timer.cancel();
        connection.detach();
    }

    /** Removes waiting connections that have ended. */
    private void prune() {
        int count;
        synchronized (lock) {
            count = waiting.size();
        }
        for (; count > 0; count--) {
            Connection each = poll();
            if (each != null && !settle(each)) enqueue(each);
        }
    }

    // ---- connections that may have something to send

    /**
     * Makes the device check soon whether a connection has something to send. Any thread may call.
     *
     * @return false if the device is closed
     */
    boolean attend(Connection connection) {
        if (!enqueue(connection)) return false;
        attention.raise();
        return true;
    }

    private boolean enqueue(Connection connection) {
        synchronized (lock) {
            if (closed) return false;
            if (!connection.waiting) {
                connection.waiting = true;
                waiting.add(connection);
            }
            return true;
        }
    }

    private @Nullable Connection poll() {
        synchronized (lock) {
            Connection first = waiting.poll();
            if (first != null) first.waiting = false;
            return first;
        }
    }

    /**
     * Removes and returns the next waiting connection; returns null if no connection has anything
     * to send.
     */
    private @Nullable Connection next() {
        for (Connection each = poll(); each != null; each = poll()) {
            if (each.hasPacket()) return each;
            settle(each);
        }
        return null;
    }

    /**
     * Handles the state of a connection after all its packets are sent; returns whether it has
     * ended.
     */
    private boolean settle(Connection connection) {
        if (connection.isOver()) {
            if (connection.registered) table.remove(connection);
            letGo(connection);
            return true;
        }
        if (connection.awaitsReset() && connection.lastCall == null) {
            connection.lastCall = transport.loop().timer(() -> {
                connection.expire();
                attend(connection);
            });
            connection.lastCall.armAt(transport.loop().nanoTime() + LAST_CALL.toNanos());
        }
        return false;
    }

    // ---- queues

    @Override
    public void queueNotified(int queue) {
        switch (queue) {
            case TX -> {
                fromGuest.drain(take);
                send();
            }
            case EVENT -> serveEvents();
            default -> serve();
        }
    }

    private void serve() {
        if (host.ended()) {
            if (active) fromGuest.drain(take); // the guest's last words
            abandonEverything();
        }
        if (active) send();
        else prune();
    }

    /** Sends waiting packets as long as the guest has buffers, in bounded turns of the loop. */
    private void send() {
        boolean full = resets.size() == MOST_RESETS; // so that packets of the guest's wait
        toGuest.suppressNotifications();
        int left = QUEUE_SIZE;
        boolean more = true;
        while (more && left > 0) {
            Connection connection = resets.isEmpty() && !holdsBack() ? next() : null;
            if (connection == null && resets.isEmpty()) {
                more = false;
            } else {
                more = sendOne(connection);
                left--;
            }
        }
        toGuest.publish();
        toGuest.notifyDriver();
        if (more) attention.raise();
        if (full && resets.size() < MOST_RESETS) {
            fromGuest.drain(take);
            attention.raise(); // for the answers
        }
    }

    /** Sends a packet of a connection, or a reset; returns false if the guest has no buffer. */
    private boolean sendOne(@Nullable Connection connection) {
        DescriptorChain chain = toGuest.pop();
        if (chain == null && toGuest.wantNotifications()) chain = toGuest.pop(); // one came just now
        if (chain == null) {
            if (connection != null) enqueue(connection);
            return false;
        }
        GuestBuffer to = chain.writable();
        boolean fits = to.length() >= HEADER_SIZE; // else the driver has it back as it is
        if (fits && make(connection, to)) {
            packet.write(to);
            toGuest.stage(chain, HEADER_SIZE + (long) packet.length);
        } else if (fits) {
            toGuest.putBack(chain);
        } else {
            toGuest.stage(chain, 0);
        }
        if (connection != null && !settle(connection)) enqueue(connection);
        return true;
    }

    /** Makes the next packet of a connection, or a reset; returns false if there is none. */
    private boolean make(@Nullable Connection connection, GuestBuffer to) {
        packet.sourceCid = HOST_CID;
        packet.destinationCid = guestCid;
        if (connection == null) {
            makeReset(resets.remove());
            return true;
        }
        if (!connection.registered) {
            connection.register(choosePort(connection.guestPort()));
            table.add(connection);
        }
        packet.sourcePort = connection.hostPort();
        packet.destinationPort = connection.guestPort();
        packet.type = TYPE_STREAM;
        return connection.send(packet, to);
    }

    private void makeReset(Reset reset) {
        packet.sourcePort = reset.hostPort();
        packet.destinationPort = reset.guestPort();
        packet.type = reset.type();
        packet.op = OP_RST;
        packet.length = 0;
        packet.flags = 0;
        packet.bufferSpace = 0;
        packet.forwarded = 0;
    }

    /**
     * Chooses a free port of the host for a connection to the guest. There are more ports than
     * connections.
     */
    private int choosePort(int guestPort) {
        int port;
        do {
            port = nextPort;
            nextPort = nextPort == Integer.MAX_VALUE ? FIRST_CHOSEN_PORT : nextPort + 1;
        } while (table.get(port, guestPort) != null);
        return port;
    }

    // ---- from the guest

    /**
     * Handles a packet: section 5.10.6. A packet that is too short or not addressed to the host is
     * dropped.
     */
    private boolean take(DescriptorChain chain) {
        if (resets.size() == MOST_RESETS) return false;
        GuestBuffer from = chain.readable();
        if (from.length() >= HEADER_SIZE) {
            packet.read(from);
            if (packet.sourceCid == guestCid && packet.destinationCid == HOST_CID) receive(from);
        }
        fromGuest.complete(chain, 0);
        return true;
    }

    private void receive(GuestBuffer from) {
        boolean stream = packet.type == TYPE_STREAM; // others are unknown, which a reset answers: 5.10.6.4.2
        boolean whole = Integer.toUnsignedLong(packet.length) <= from.length() - HEADER_SIZE;
        Connection connection = stream ? table.get(packet.destinationPort, packet.sourcePort) : null;
        if (connection != null) {
            if (whole) connection.receive(packet, from);
            else connection.breaksProtocol();
            if (!settle(connection)) enqueue(connection);
        } else if (stream && packet.op == OP_REQUEST) {
            open();
        } else if (packet.op != OP_RST) {
            resets.add(new Reset(packet.destinationPort, packet.sourcePort, packet.type));
        }
    }

    /** Handles a request for a connection, by accepting it or by a reset: section 5.10.6.5. */
    private void open() {
        Connection connection = host.admit(this, packet);
        if (connection == null) {
            resets.add(new Reset(packet.destinationPort, packet.sourcePort, packet.type));
            return;
        }
        connection.register(packet.destinationPort);
        table.add(connection);
        host.offer(connection);
    }

    // ---- events: section 5.10.6.7

    /**
     * Whether connections wait because the guest has not acted on the transport reset yet: Linux ends
     * with it whatever is connected when it acts on it.
     */
    private boolean holdsBack() {
        return resetPending || (owesTransportReset && events.hasNext());
    }

    /**
     * Sends the transport reset if the guest is to have one. It has acted on it when it makes a buffer
     * available in place of the one with the event.
     */
    private void serveEvents() {
        if (resetPending) {
            resetPending = false;
            serve();
        }
        for (int turns = EVENT_QUEUE_SIZE; owesTransportReset && turns > 0; turns--) {
            DescriptorChain chain = events.pop();
            if (chain == null) {
                if (!events.wantNotifications()) break;
                continue; // one came just now
            }
            boolean fits = chain.writable().length() >= EVENT_SIZE;
            if (fits) chain.writable().putInt(EVENT_ID, EVENT_TRANSPORT_RESET);
            events.wantNotificationOfMore();
            events.complete(chain, fits ? EVENT_SIZE : 0);
            owesTransportReset = !fits;
            resetPending = fits;
        }
        events.notifyDriver();
    }

    // ---- state

    /**
     * Saves no connections, because they end with the process that has their other ends, but which
     * ports they had: Linux knows a connection that was reset by its two ports until it is closed, and
     * refuses another one with these.
     */
    @Override
    public DeviceState save() {
        return new DeviceState(STATE_TYPE, STATE_VERSION).put(NEXT_PORT, nextPort);
    }

    /** Restores a state and tells the guest that its connections no longer exist. */
    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        boolean knowsPort = state.require(STATE_TYPE, STATE_VERSION).version() >= 2;
        int port = knowsPort ? state.integer(NEXT_PORT) : FIRST_CHOSEN_PORT;
        if (port < FIRST_CHOSEN_PORT) throw new IllegalArgumentException("port chosen next: %d".formatted(port));
        nextPort = port;
        owesTransportReset = active;
        resetPending = false;
    }
}
