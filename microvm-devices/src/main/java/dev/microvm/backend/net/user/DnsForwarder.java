package dev.microvm.backend.net.user;

import static dev.microvm.backend.net.user.NetCounter.DNS_QUERIES;
import static dev.microvm.backend.net.user.NetCounter.OVER_LIMIT;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.DatagramChannel;
import java.nio.channels.SelectionKey;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Queue;
import java.util.Set;
import java.util.concurrent.ConcurrentLinkedQueue;
import org.jspecify.annotations.Nullable;

/**
 * The name server of the network. It forwards each question to a name server of the host, and to
 * the next one if there is no answer. If there is no name server, the host resolves the question.
 * TCP connections go to the first name server. For the network's thread.
 */
final class DnsForwarder implements AutoCloseable {
    private static final int MOST_PENDING = 64;
    private static final int MAX_MESSAGE = 65_535;
    private static final long TRY_NANOS = 2_000_000_000L; // less than the 5 s after which a guest asks again

    private final NetLoop loop;
    private final GuestLink link;
    private final Gate gate;
    private final Counters counters;
    private final SocketBudget sockets;
    private final Subnet subnet;
    private final NameServers servers;
    private final HostNames hostNames;
    private final Set<Query> pending = new LinkedHashSet<>(); // oldest first
    private final Queue<Runnable> resolved = new ConcurrentLinkedQueue<>();
    private final ByteBuffer buffer = ByteBuffer.allocate(MAX_MESSAGE);

    DnsForwarder(
            NetLoop loop,
            GuestLink link,
            Gate gate,
            Counters counters,
            UserNetworkConfig config,
            SocketBudget sockets,
            NameServers servers,
            String name) {
        this.loop = loop;
        this.link = link;
        this.gate = gate;
        this.counters = counters;
        this.sockets = sockets;
        this.servers = servers;
        subnet = config.subnet();
        hostNames = new HostNames("microvm-" + name + "-dns");
    }

    /** Handles a question; returns false if the policy denies it. */
    boolean input(int guestAddress, int guestPort, ByteBuffer datagram) {
        InetSocketAddress own = new InetSocketAddress(Ipv4Address.of(subnet.dns()), NetPolicy.DNS_PORT);
        if (!gate.allows(Protocol.UDP, guestAddress, guestPort, subnet.dns(), NetPolicy.DNS_PORT, own)) return false;
        if (!gate.admits(loop.now())) {
            counters.count(OVER_LIMIT);
            return true;
        }
        counters.count(DNS_QUERIES);
        byte[] message = new byte[datagram.remaining()];
        datagram.get(message);
        List<InetSocketAddress> current = servers.current();
        if (current.isEmpty()) {
            resolve(guestAddress, guestPort, message);
        } else {
            if (pending.size() == MOST_PENDING) {
                counters.count(OVER_LIMIT);
                pending.iterator().next().fail();
            }
            new Query(guestAddress, guestPort, message, current).ask();
        }
        return true;
    }

    /** Ends the oldest question that has a socket; returns false if there is none. */
    boolean evictOldest() {
        for (Query query : pending) {
            if (query.channel == null) continue;
            query.fail();
            return true;
        }
        return false;
    }

    /** Sends the answers that the host has resolved. */
    void flush() {
        Runnable answer;
        while ((answer = resolved.poll()) != null) answer.run();
    }

    @Override
    public void close() {
        hostNames.close();
    }

    private void resolve(int guestAddress, int guestPort, byte[] message) {
        DnsMessage question = DnsMessage.parse(message);
        if (question == null) return;
        hostNames.resolve(question, answer -> {
            resolved.add(() -> answer(guestAddress, guestPort, answer, answer.length));
            loop.wake();
        });
    }

    private void answer(int guestAddress, int guestPort, byte[] message, int length) {
        link.sendUdp(subnet.dns(), NetPolicy.DNS_PORT, guestAddress, guestPort, message, 0, length);
    }

    /** A question that is being forwarded to one server after the other. */
    private final class Query implements NetLoop.Ready {
        private final int guestAddress;
        private final int guestPort;
        private final byte[] message;
        private final List<InetSocketAddress> ofHost; // as of the question
        private final TimerHeap.Timer timer = loop.timer(this::ask);
        private @Nullable DatagramChannel channel;
        private int next;

        private Query(int guestAddress, int guestPort, byte[] message, List<InetSocketAddress> ofHost) {
            this.guestAddress = guestAddress;
            this.guestPort = guestPort;
            this.message = message;
            this.ofHost = ofHost;
            pending.add(this);
        }

        /** Asks the next server, from a new port that the host chooses. */
        private void ask() {
            closeChannel();
            while (next < ofHost.size()) {
                if (askServer(ofHost.get(next++))) return;
            }
            fail();
        }

        private void fail() {
            DnsMessage question = DnsMessage.parse(message);
            if (question != null) {
                byte[] failure = question.answer(DnsMessage.SERVER_FAILURE, List.of());
                answer(guestAddress, guestPort, failure, failure.length);
            }
            end();
        }

        private boolean askServer(InetSocketAddress server) {
            DatagramChannel opened = openSocket();
            if (opened == null) return false;
            channel = opened;
            try {
                opened.connect(server);
                loop.register(opened, SelectionKey.OP_READ, this);
                opened.write(ByteBuffer.wrap(message));
                timer.armAt(loop.now() + TRY_NANOS);
                return true;
            } catch (IOException | RuntimeException e) {
                closeChannel();
                return false;
            }
        }

        private @Nullable DatagramChannel openSocket() {
            if (!sockets.take()) return null;
            try {
                return DatagramChannel.open();
            } catch (IOException e) {
                sockets.failed(e);
                return null;
            }
        }

        @Override
        public void ready(SelectionKey key) {
            DatagramChannel from = channel;
            if (from == null) return;
            try {
                if (from.receive(buffer.clear()) == null) return;
            } catch (IOException e) {
                ask(); // nobody listens there
                return;
            }
            int length = buffer.position();
            byte[] answer = buffer.array();
            // Only to what was asked: RFC 5452, 9.1.
            if (length < DnsMessage.HEADER_SIZE || Bytes.getShort(answer, 0) != Bytes.getShort(message, 0)) return;
            answer(guestAddress, guestPort, answer, length);
            end();
        }

        private void end() {
            closeChannel();
            timer.close();
            pending.remove(this);
        }

        private void closeChannel() {
            if (channel == null) return;
            NetLoop.closeQuietly(channel);
            channel = null;
            sockets.give();
        }
    }
}
