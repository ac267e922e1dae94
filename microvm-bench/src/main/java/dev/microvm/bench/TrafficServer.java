package dev.microvm.bench;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;

/**
 * The host's side of {@code traffic.c}: sends to each connection on one port, and receives on the
 * other.
 */
final class TrafficServer implements AutoCloseable {
    private static final int CHUNK = 256 * 1024; // bytes

    private final long bytes;
    private final ServerSocketChannel source = ServerSocketChannel.open().bind(new InetSocketAddress(0));
    private final ServerSocketChannel sink = ServerSocketChannel.open().bind(new InetSocketAddress(0));

    /** Serves one connection. */
    private interface Session {
        void serve(SocketChannel connection, ByteBuffer buffer) throws IOException;
    }

    /**
     * Listens on two free ports of all addresses.
     *
     * @param bytes number of bytes to send to each connection
     */
    TrafficServer(long bytes) throws IOException {
        this.bytes = bytes;
        Thread.ofPlatform().daemon().start(() -> accept(source, this::send));
        Thread.ofPlatform().daemon().start(() -> accept(sink, TrafficServer::take));
    }

    int sourcePort() {
        return source.socket().getLocalPort();
    }

    int sinkPort() {
        return sink.socket().getLocalPort();
    }

    private static void accept(ServerSocketChannel server, Session session) {
        ByteBuffer buffer = ByteBuffer.allocateDirect(CHUNK);
        while (server.isOpen()) {
            try (SocketChannel connection = server.accept()) {
                session.serve(connection, buffer);
            } catch (IOException e) {
                if (server.isOpen()) System.err.println("a connection failed: " + e);
            }
        }
    }

    private void send(SocketChannel connection, ByteBuffer buffer) throws IOException {
        for (long left = bytes; left > 0; ) {
            buffer.clear().limit((int) Math.min(CHUNK, left));
            left -= connection.write(buffer);
        }
    }

    private static void take(SocketChannel connection, ByteBuffer buffer) throws IOException {
        while (connection.read(buffer.clear()) >= 0) {}
    }

    @Override
    public void close() throws IOException {
        source.close();
        sink.close();
    }
}
