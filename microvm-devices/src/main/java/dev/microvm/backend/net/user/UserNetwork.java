package dev.microvm.backend.net.user;

import dev.microvm.backend.net.NetBackend;
import dev.microvm.backend.net.NetOffload;
import dev.microvm.backend.net.NetSession;
import dev.microvm.backend.net.SessionBackend;
import dev.microvm.backend.net.VnetHeader;
import dev.microvm.clock.NanoClock;
import dev.microvm.error.GuestNoise;
import dev.microvm.error.MicroVmException;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.net.InetSocketAddress;
import java.nio.channels.DatagramChannel;
import java.nio.channels.NetworkChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.time.Duration;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Consumer;
import java.util.function.Supplier;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A network for one guest inside this process, without any rights: what QEMU calls {@code -netdev
 * user}.
 *
 * <p>The guest gets an address by DHCP, 10.0.2.15 unless told otherwise; its router, 10.0.2.2, is
 * also the host; 10.0.2.3 answers for names. Its TCP connections and UDP flows go on as sockets of
 * this process, as far as the {@link NetPolicy} allows: by default not to the host itself. {@link
 * HostForward}s lead from the host into the guest. Ping is answered by 10.0.2.2 and 10.0.2.3 only.
 * There is no IPv6.
 *
 * <p>Each network is alone: guests of two networks do not see each other. What a guest can take of
 * the host is limited: see {@link UserNetworkBuilder}. {@link #counters} and {@link #hostPort} are
 * for any thread; for the rest see {@link NetBackend}.
 */
public final class UserNetwork extends SessionBackend implements Stateful {
    private static final Logger log = LoggerFactory.getLogger(UserNetwork.class);
    private static final int RING_SIZE = 512 * 1024; // some frames of the largest size
    private static final int BATCH = 128; // frames of the guest's in a turn, so that sockets and timers get theirs
    private static final int BACKLOG = 128; // of forwarded ports
    private static final int ACCEPTS = 32; // of one port in a turn
    private static final String STATE_TYPE = "user-network";
    private static final int STATE_VERSION = 1;
    private static final String TCP = "tcp";
    private static final String NEIGHBOURS = "neighbours";
    private static final Duration CALL_LIMIT = Duration.ofSeconds(5);
    private static final long ACCEPT_PAUSE_NANOS = 100_000_000; // after an error such as too many open files

    private final UserNetworkSpec spec;
    private final UserNetworkConfig config;
    private final Counters counters = new Counters();

    UserNetwork(UserNetworkSpec spec, NetPolicy policy) {
        List<String> problems = spec.problems();
        if (!problems.isEmpty()) throw new MicroVmException("user network: " + String.join("; ", problems));
        this.spec = spec;
        this.config = spec.config(policy);
    }

    /** Makes a network that has no description. */
    UserNetwork(UserNetworkConfig config) {
        this.spec = UserNetworkSpec.DEFAULT;
        this.config = config;
    }

    /**
     * Makes the network that a description says; opens nothing.
     *
     * @throws MicroVmException with every problem found, such as that its policy is code
     */
    public static UserNetwork of(UserNetworkSpec spec) {
        Objects.requireNonNull(spec, "spec");
        NetPolicy policy = spec.reach()
                .policy()
                .orElseThrow(() -> new MicroVmException(
                        "user network: policy: it is code, which a description does not hold: set it in a builder"));
        return new UserNetwork(spec, policy);
    }

    /** What it was made of. */
    public UserNetworkSpec spec() {
        return spec;
    }

    /** Describes a network. */
    public static UserNetworkBuilder builder() {
        return new UserNetworkBuilder();
    }

    /** What it has counted since it was made. */
    public Map<NetCounter, Long> counters() {
        return counters.all();
    }

    /** One of the counters. */
    public long counter(NetCounter which) {
        Objects.requireNonNull(which, "which");
        return counters.get(which);
    }

    /**
     * The port of the host's at which a forward listens, which the host chose if the forward said
     * 0. It accepts connections before the guest listens: see {@link HostForward}.
     *
     * @throws IllegalStateException if the network is not open
     * @throws IllegalArgumentException if it has no such forward
     */
    public int hostPort(HostForward forward) {
        Objects.requireNonNull(forward, "forward");
        if (!(session() instanceof Session open)) throw new IllegalStateException("the user network is not open");
        Integer port = open.hostPorts.get(forward);
        if (port == null) throw new IllegalArgumentException("no forward " + forward);
        return port;
    }

    @Override
    protected NetSession open(String name, Runnable ready) {
        return open(name, ready, NanoClock.SYSTEM, JvmBudgets.descriptors());
    }

    /** Does the same with another clock and another budget. */
    Session open(String name, Runnable ready, NanoClock clock, Budget descriptors) {
        NetLoop loop;
        try {
            loop = new NetLoop(clock);
        } catch (IOException e) {
            throw new MicroVmException("user network: cannot be opened: " + e.getMessage(), e);
        }
        Session opened = new Session(name, ready, loop, descriptors);
        try {
            for (HostForward forward : config.forwards()) opened.listen(forward);
            return opened;
        } catch (RuntimeException e) {
            opened.free();
            throw e;
        }
    }

    /**
     * Returns which connections there are. Another network does not have their ends on the host,
     * but can tell the guest that they are gone.
     *
     * @throws MicroVmException if the network's thread does not answer
     */
    @Override
    public DeviceState save() {
        DeviceState state = new DeviceState(STATE_TYPE, STATE_VERSION);
        if (session() instanceof Session open) {
            state.put(TCP, open.call(open.stack.tcp()::saved))
                    .put(NEIGHBOURS, open.call(open.stack.neighbours()::saved));
        }
        return state;
    }

    /** Resets the connections that a guest had on the network that was saved. */
    @Override
    public void restore(DeviceState state) {
        Objects.requireNonNull(state, "state");
        state.require(STATE_TYPE, STATE_VERSION);
        if (!(session() instanceof Session open) || !state.fields().contains(TCP)) return;
        long[] connections = state.numbers(TCP);
        long[] neighbours = state.numbers(NEIGHBOURS);
        open.call(() -> {
            open.stack.neighbours().restore(neighbours);
            open.stack.tcp().probe(connections);
            return true;
        });
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
        Objects.requireNonNull(accepted, "accepted");
        if (session() instanceof Session open) open.stack.link().offloads(accepted);
    }

    @Override
    public int mtu() {
        return config.mtu();
    }

    @Override
    public String toString() {
        return "the user network";
    }

    /** How many TCP connections there are; for tests. */
    int tcpConnections() {
        return session() instanceof Session open ? open.stack.tcp().connections() : 0;
    }

    /** A network that is open: what it holds, and its thread. */
    final class Session extends NetSession {
        private final FrameRing fromGuest = new FrameRing(RING_SIZE);
        private final FrameRing toGuest = new FrameRing(RING_SIZE);
        private final Map<HostForward, Integer> hostPorts = new ConcurrentHashMap<>();
        private final Queue<Runnable> calls = new ConcurrentLinkedQueue<>(); // of other threads
        private final NetLoop loop;
        private final NetworkStack stack;

        private Session(String name, Runnable ready, NetLoop loop, Budget descriptors) {
            super("microvm-" + name + "-net");
            this.loop = loop;
            SocketBudget sockets = new SocketBudget(descriptors, loop, counters, threadName());
            stack = new NetworkStack(config, loop, toGuest, counters, sockets, name);
            fromGuest.onChange(loop::wake, ready);
            toGuest.onChange(ready, loop::wake);
        }

        @Override
        protected boolean send(MemorySegment segment, long offset, long length) {
            if (length < VnetHeader.SIZE || length > VnetHeader.MAX_FRAME) return true;
            return fromGuest.offer(segment, offset, (int) length);
        }

        @Override
        protected int receive(MemorySegment segment, long offset, int capacity) {
            int at = toGuest.peek();
            if (at == FrameRing.NONE) return NO_FRAME;
            int length = Math.min(toGuest.length(at), capacity);
            MemorySegment.copy(toGuest.bytes(), at, segment, ValueLayout.JAVA_BYTE, offset, length);
            toGuest.release(at);
            return length;
        }

        @Override
        protected void serve() throws IOException {
            turn(true);
        }

        @Override
        protected void wake() {
            loop.wake();
        }

        /** Serves sockets, timers and the guest's frames once, and sends what became due. */
        void turn(boolean mayWait) throws IOException {
            loop.turn(mayWait && fromGuest.isEmpty());
            for (Runnable call = calls.poll(); call != null; call = calls.poll()) loop.guarded(call);
            try {
                takeFrames();
                stack.flush();
            } catch (RuntimeException e) {
                loop.failed(e);
            }
        }

        /** Does something on the network's thread, and returns what it gives. */
        private <T> T call(Supplier<T> action) {
            CompletableFuture<T> result = new CompletableFuture<>();
            calls.add(() -> {
                try {
                    result.complete(action.get());
                } catch (RuntimeException e) {
                    result.completeExceptionally(e);
                }
            });
            loop.wake();
            try {
                return result.get(CALL_LIMIT.toNanos(), TimeUnit.NANOSECONDS);
            } catch (TimeoutException e) {
                throw new MicroVmException("%s does not answer within %s".formatted(threadName(), CALL_LIMIT), e);
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                throw new MicroVmException("interrupted while " + threadName() + " was asked", e);
            } catch (ExecutionException e) {
                throw new IllegalArgumentException(threadName() + ": " + e.getCause(), e);
            }
        }

        private void takeFrames() {
            for (int left = BATCH; left > 0; left--) {
                int at = fromGuest.peek();
                if (at == FrameRing.NONE) return;
                try {
                    stack.input(fromGuest.bytes(), at, fromGuest.length(at));
                } finally {
                    fromGuest.release(at);
                }
            }
        }

        /** Hands on what is thrown inside, which would be a defect, besides logging it. */
        void onFailure(Consumer<RuntimeException> observer) {
            loop.onFailure(observer);
        }

        int port(HostForward forward) {
            return Objects.requireNonNull(hostPorts.get(forward));
        }

        @Override
        protected void free() {
            stack.close();
            loop.close();
        }

        private void listen(HostForward forward) {
            InetSocketAddress address =
                    new InetSocketAddress(Ipv4Address.of(Ipv4Address.parse(forward.hostAddress())), forward.hostPort());
            try {
                NetworkChannel channel =
                        forward.protocol() == Protocol.TCP ? listenTcp(forward, address) : listenUdp(forward, address);
                if (channel.getLocalAddress() instanceof InetSocketAddress local) {
                    hostPorts.put(forward, local.getPort());
                }
            } catch (IOException e) {
                throw new MicroVmException(
                        "forward %s: the host's port cannot be had (%s): choose another, or 0 for any"
                                .formatted(forward, e.getMessage()),
                        e);
            }
        }

        private NetworkChannel listenTcp(HostForward forward, InetSocketAddress address) throws IOException {
            ServerSocketChannel server = ServerSocketChannel.open();
            int guest = stack.guestAddress(forward);
            Acceptor acceptor = new Acceptor(server, guest, forward);
            loop.register(server, SelectionKey.OP_ACCEPT, acceptor);
            return server.bind(address, BACKLOG);
        }

        private NetworkChannel listenUdp(HostForward forward, InetSocketAddress address) throws IOException {
            DatagramChannel socket = DatagramChannel.open();
            stack.udp().forward(socket, stack.guestAddress(forward), forward.guestPort());
            return socket.bind(address);
        }

        /** Accepts the connections of a forwarded TCP port. */
        private final class Acceptor implements NetLoop.Ready {
            private final ServerSocketChannel server;
            private final int guestAddress;
            private final HostForward forward;
            private final GuestNoise failures = new GuestNoise();

            private Acceptor(ServerSocketChannel server, int guestAddress, HostForward forward) {
                this.server = server;
                this.guestAddress = guestAddress;
                this.forward = forward;
            }

            @Override
            public void ready(SelectionKey key) {
                try {
                    for (int left = ACCEPTS; left > 0; left--) {
                        SocketChannel client = server.accept();
                        if (client == null) return;
                        stack.tcp().accept(client, guestAddress, forward.guestPort());
                    }
                } catch (IOException e) {
                    failed(key, e);
                }
            }

            /** Waits before the next attempt: the port stays ready and would keep the thread busy. */
            private void failed(SelectionKey key, IOException cause) {
                long n = failures.count();
                if (n != 0) {
                    log.warn("forward {}: cannot accept ({} times so far): {}", forward, n, cause.getMessage());
                }
                key.interestOps(0);
                loop.timer(() -> key.interestOps(SelectionKey.OP_ACCEPT)).armAt(loop.now() + ACCEPT_PAUSE_NANOS);
            }
        }
    }
}
