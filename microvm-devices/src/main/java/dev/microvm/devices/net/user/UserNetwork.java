package dev.microvm.devices.net.user;

import dev.microvm.clock.NanoClock;
import dev.microvm.devices.net.NetBackend;
import dev.microvm.devices.net.NetOffload;
import dev.microvm.devices.net.VnetHeader;
import dev.microvm.error.MicroVmException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.channels.DatagramChannel;
import java.nio.channels.NetworkChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A network for one guest inside this process, without any rights: what QEMU calls {@code -netdev user}.
 *
 * <p>The guest gets an address by DHCP, 10.0.2.15 unless told otherwise; its router, 10.0.2.2, is also the host; 10.0.2.3
 * answers for names. Its TCP connections and UDP flows go on as sockets of this process, as far as the {@link NetPolicy}
 * allows: by default not to the host itself. {@link HostForward}s lead from the host into the guest. Ping is answered by
 * 10.0.2.2 and 10.0.2.3 only. There is no IPv6.
 *
 * <p>Each network is alone: guests of two networks do not see each other. What a guest can take of the host is limited: see
 * {@link UserNetworkBuilder}. {@link #counters} and {@link #hostPort} are for any thread; for the rest see {@link NetBackend}.
 */
public final class UserNetwork implements NetBackend {
    private static final Logger log = LoggerFactory.getLogger(UserNetwork.class);
    private static final int RING_SIZE = 512 * 1024; // some frames of the largest size
    private static final int BATCH = 128; // frames of the guest's in a turn, so that sockets and timers get theirs
    private static final int BACKLOG = 128; // of forwarded ports
    private static final int ACCEPTS = 32; // of one port in a turn
    private static final long JOIN_MILLIS = 5_000;

    private final UserNetworkConfig config;
    private final FrameRing fromGuest = new FrameRing(RING_SIZE);
    private final FrameRing toGuest = new FrameRing(RING_SIZE);
    private final Counters counters = new Counters();
    private final Map<HostForward, NetworkChannel> forwards = new LinkedHashMap<>(); // guarded by this

    private volatile Runnable ready = () -> {};
    private @Nullable NetLoop loop;
    private @Nullable NetworkStack stack;
    private @Nullable Thread thread;
    private volatile boolean stopping;

    UserNetwork(UserNetworkConfig config) {
        this.config = config;
    }

    /** Describes a network. */
    public static UserNetworkBuilder builder() {
        return new UserNetworkBuilder();
    }

    /** What it has counted since its start. */
    public Map<NetCounter, Long> counters() {
        return counters.all();
    }

    /** One of the counters. */
    public long counter(NetCounter which) {
        return counters.get(which);
    }

    /**
     * The port of the host's at which a forward listens, which the host chose if the forward said 0.
     *
     * @throws IllegalStateException if the network is not open
     * @throws IllegalArgumentException if it has no such forward
     */
    public synchronized int hostPort(HostForward forward) {
        if (thread == null || stopping) throw new IllegalStateException("the network is not open");
        NetworkChannel channel = forwards.get(forward);
        if (channel == null) throw new IllegalArgumentException("no forward " + forward);
        try {
            return channel.getLocalAddress() instanceof InetSocketAddress address ? address.getPort() : 0;
        } catch (IOException e) {
            throw new IllegalStateException("the network is not open", e);
        }
    }

    @Override
    public synchronized void start(String name, Runnable newReady) {
        if (stopping) throw new IllegalStateException("the user network is closed");
        ready = newReady;
        if (thread != null) {
            toGuest.clear();
            return;
        }
        try {
            open(name, NanoClock.SYSTEM);
        } catch (IOException | RuntimeException e) {
            close();
            if (e instanceof MicroVmException mine) throw mine;
            throw new MicroVmException("user network: cannot be opened: " + e.getMessage(), e);
        }
        thread = Thread.ofPlatform().name("microvm-" + name + "-net").daemon().start(this::run);
    }

    /** Opens everything but the thread. */
    void open(String name, NanoClock clock) throws IOException {
        NetLoop newLoop = new NetLoop(clock);
        loop = newLoop;
        NetworkStack newStack = new NetworkStack(config, newLoop, toGuest, counters, name);
        stack = newStack;
        fromGuest.onChange(newLoop::wake, () -> ready.run());
        toGuest.onChange(() -> ready.run(), newLoop::wake);
        for (HostForward forward : config.forwards()) forwards.put(forward, listen(forward, newStack, newLoop));
    }

    @Override
    public boolean send(MemorySegment segment, long offset, long length) {
        if (length < VnetHeader.SIZE || length > VnetHeader.MAX_FRAME) return true;
        return fromGuest.offer(segment, offset, (int) length);
    }

    @Override
    public int receive(MemorySegment segment, long offset, int capacity) {
        int at = toGuest.peek();
        if (at == FrameRing.NONE) return NO_FRAME;
        int length = Math.min(toGuest.length(at), capacity);
        MemorySegment.copy(toGuest.bytes(), at, segment, ValueLayout.JAVA_BYTE, offset, length);
        toGuest.release(at);
        return length;
    }

    @Override
    public boolean vnetHeader() {
        return true;
    }

    @Override
    public Set<NetOffload> offloads() {
        return EnumSet.of(NetOffload.CHECKSUM, NetOffload.TSO4);
    }

    @Override
    public void guestOffloads(Set<NetOffload> accepted) {
        NetworkStack current = stack;
        if (current != null) current.link().offloads(accepted);
    }

    @Override
    public int mtu() {
        return config.mtu();
    }

    @Override
    public void close() {
        Thread running;
        NetLoop ending;
        synchronized (this) {
            stopping = true;
            running = thread;
            ending = loop;
        }
        if (ending == null) return;
        ending.wake();
        if (running == null) {
            closeAll(ending);
            return;
        }
        boolean interrupted = false;
        try {
            running.join(JOIN_MILLIS);
        } catch (InterruptedException e) {
            interrupted = true;
        }
        if (running.isAlive()) log.error("{} does not end: the network's policy blocks", running.getName());
        if (interrupted) Thread.currentThread().interrupt();
    }

    /** How many TCP connections there are; for tests, on the network's thread. */
    int tcpConnections() {
        NetworkStack current = stack;
        return current == null ? 0 : current.tcp().connections();
    }

    private void run() {
        NetLoop current = loop;
        if (current == null) return;
        try {
            while (!stopping) turn(current, true);
        } catch (IOException e) {
            log.error("the user network ends: waiting for its sockets failed", e);
        } finally {
            closeAll(current);
        }
    }

    /** Serves sockets, timers and the guest's frames once, and sends what became due. */
    void turn(NetLoop current, boolean mayWait) throws IOException {
        NetworkStack serving = stack;
        if (serving == null) return;
        current.turn(mayWait && fromGuest.isEmpty());
        try {
            takeFrames(serving);
            serving.flush();
        } catch (RuntimeException e) {
            current.failed(e);
        }
    }

    private void takeFrames(NetworkStack serving) {
        for (int left = BATCH; left > 0; left--) {
            int at = fromGuest.peek();
            if (at == FrameRing.NONE) return;
            try {
                serving.input(fromGuest.bytes(), at, fromGuest.length(at));
            } finally {
                fromGuest.release(at);
            }
        }
    }

    private void closeAll(NetLoop ending) {
        NetworkStack current = stack;
        if (current != null) current.close();
        ending.close();
        synchronized (this) {
            forwards.values().forEach(NetLoop::closeQuietly);
        }
    }

    private static NetworkChannel listen(HostForward forward, NetworkStack stack, NetLoop loop) {
        InetSocketAddress address =
                new InetSocketAddress(Ipv4Address.of(Ipv4Address.parse(forward.hostAddress())), forward.hostPort());
        int guest = stack.guestAddress(forward);
        NetworkChannel channel = null;
        try {
            if (forward.protocol() == Protocol.TCP) {
                ServerSocketChannel server = ServerSocketChannel.open();
                channel = server;
                server.bind(address, BACKLOG);
                loop.register(server, SelectionKey.OP_ACCEPT, key -> accept(server, stack, guest, forward.guestPort()));
            } else {
                DatagramChannel socket = DatagramChannel.open();
                channel = socket;
                socket.bind(address);
                stack.udp().forward(socket, guest, forward.guestPort());
            }
            return channel;
        } catch (IOException e) {
            if (channel != null) NetLoop.closeQuietly(channel);
            throw new MicroVmException(
                    "forward %s: the host's port cannot be had (%s): choose another, or 0 for any"
                            .formatted(forward, e.getMessage()),
                    e);
        }
    }

    private static void accept(ServerSocketChannel server, NetworkStack stack, int guestAddress, int guestPort) {
        try {
            for (int left = ACCEPTS; left > 0; left--) {
                SocketChannel client = server.accept();
                if (client == null) return;
                stack.tcp().accept(client, guestAddress, guestPort);
            }
        } catch (IOException e) {
            log.warn("accepting a connection for the guest failed", e);
        }
    }
}
