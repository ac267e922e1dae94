package dev.microvm.sandbox;

import dev.microvm.sandbox.agent.AgentChannel;
import dev.microvm.sandbox.agent.Dialer;
import dev.microvm.sandbox.agent.Tunnel;
import java.io.Closeable;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A port of the host whose connections lead to a port of the guest's loopback, through the agent:
 * the guest needs no network device. Any thread may call.
 */
public final class PortForward implements Closeable {
    /** Connections at a time. Further ones are closed at once. */
    public static final int MOST_CONNECTIONS = 256;

    private static final Logger log = LoggerFactory.getLogger(PortForward.class);

    private final ServerSocketChannel server;
    private final InetSocketAddress address;
    private final int guestPort;
    private final Dialer dialer;
    private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();

    PortForward(InetSocketAddress at, int guestPort, Dialer dialer) throws IOException {
        this.guestPort = guestPort;
        this.dialer = dialer;
        server = ServerSocketChannel.open();
        try {
            server.bind(at);
            address = (InetSocketAddress) server.getLocalAddress();
        } catch (IOException | RuntimeException e) {
            server.close();
            throw e;
        }
        Thread.ofVirtual().name("microvm-forward-" + guestPort).start(this::serve);
    }

    /** Returns the port of the host. */
    public int port() {
        return address.getPort();
    }

    /** Returns the address of the host. */
    public InetSocketAddress address() {
        return address;
    }

    private void serve() {
        while (server.isOpen()) {
            try {
                accept(server.accept());
            } catch (IOException e) {
                if (server.isOpen()) log.debug("{}: {}", this, e.toString());
            }
        }
    }

    private void accept(SocketChannel socket) throws IOException {
        if (open.size() >= MOST_CONNECTIONS) {
            socket.close();
            return;
        }
        open.add(socket);
        Thread.ofVirtual().name("microvm-forward-" + guestPort).start(() -> carry(socket));
    }

    private void carry(SocketChannel socket) {
        try (socket) {
            AgentChannel agent = Tunnel.connect(dialer, guestPort);
            Tunnel.carry(agent, socket);
        } catch (IOException e) {
            log.debug("{}: {}", this, e.toString());
        } finally {
            open.remove(socket);
        }
    }

    /** Stops to listen, and closes all connections. */
    @Override
    public void close() throws IOException {
        server.close();
        for (SocketChannel each : open) each.close();
    }

    @Override
    public String toString() {
        return "forward of %s to port %d of the guest".formatted(address, guestPort);
    }
}
