package dev.microvm.cli.qemu;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.Path;
import org.jspecify.annotations.Nullable;

/** A Unix or TCP socket, as a server for one peer after another or as a client. */
final class SocketChannelEnd implements Channel {
    private static final int PIECE = 4096;

    private final String name;
    private final SocketAddress address;
    private final boolean wait;
    private final @Nullable ServerSocketChannel server;
    private volatile @Nullable SocketChannel peer;
    private volatile boolean closed;

    private SocketChannelEnd(String name, SocketAddress address, boolean wait, @Nullable ServerSocketChannel server) {
        this.name = name;
        this.address = address;
        this.wait = wait;
        this.server = server;
    }

    /** Listens already, as a server; connects when it is started, as a client. */
    static SocketChannelEnd open(Chardev chardev) throws IOException {
        SocketAddress address = address(chardev);
        String name = address instanceof UnixDomainSocketAddress
                ? "unix:" + chardev.path
                : "tcp:" + chardev.host + ":" + chardev.port;
        if (!chardev.server) return new SocketChannelEnd(name, address, chardev.wait, null);
        ServerSocketChannel server;
        if (address instanceof UnixDomainSocketAddress unix) {
            removeSocket(unix.getPath()); // of an earlier run, as in QEMU
            server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        } else {
            server = ServerSocketChannel.open();
            server.setOption(StandardSocketOptions.SO_REUSEADDR, true);
        }
        try {
            server.bind(address);
        } catch (IOException | RuntimeException e) {
            server.close();
            throw new IOException(name + ": " + e.getMessage(), e);
        }
        return new SocketChannelEnd(name, address, chardev.wait, server);
    }

    private static SocketAddress address(Chardev chardev) throws IOException {
        if (!chardev.path.isEmpty()) return UnixDomainSocketAddress.of(chardev.path);
        if (!chardev.host.isEmpty()) return new InetSocketAddress(InetAddress.getByName(chardev.host), chardev.port);
        return chardev.server
                ? new InetSocketAddress(chardev.port)
                : new InetSocketAddress(InetAddress.getLoopbackAddress(), chardev.port);
    }

    private static void removeSocket(Path path) throws IOException {
        if (!Files.exists(path, LinkOption.NOFOLLOW_LINKS)) return;
        if (Files.isRegularFile(path) || Files.isDirectory(path))
            throw new IOException(path + " is not a socket: remove it");
        Files.delete(path);
    }

    /** The port that a TCP server listens at. */
    int port() throws IOException {
        return server != null && server.getLocalAddress() instanceof InetSocketAddress inet ? inet.getPort() : -1;
    }

    @Override
    public void start(User user) throws IOException {
        if (server == null) {
            SocketChannel made = connect();
            peer = made;
            user.connected();
            Channel.read(name, () -> serve(made, user));
            return;
        }
        SocketChannel first = null;
        if (wait) {
            System.err.println("microvm qemu: waiting for a connection on " + name);
            first = server.accept();
            peer = first;
            user.connected();
        }
        SocketChannel accepted = first;
        Channel.read(name, () -> {
            if (accepted != null) serve(accepted, user);
            acceptAll(server, user);
        });
    }

    private SocketChannel connect() throws IOException {
        try {
            return SocketChannel.open(address);
        } catch (IOException e) {
            throw new IOException(name + ": " + e.getMessage(), e);
        }
    }

    private void acceptAll(ServerSocketChannel from, User user) {
        while (!closed) {
            try {
                SocketChannel made = from.accept();
                peer = made;
                user.connected();
                serve(made, user);
            } catch (IOException e) {
                if (!from.isOpen()) return;
            }
        }
    }

    /** Reads until the peer has gone. */
    private void serve(SocketChannel from, User user) {
        ByteBuffer bytes = ByteBuffer.allocate(PIECE);
        try (from) {
            while (from.read(bytes.clear()) >= 0) user.input(bytes.array(), bytes.position());
        } catch (IOException e) {
            // the peer or the guest has gone
        }
        peer = null;
        user.disconnected();
    }

    @Override
    public synchronized void write(byte[] bytes, int offset, int length) {
        SocketChannel to = peer;
        if (to == null) return;
        try {
            ByteBuffer rest = ByteBuffer.wrap(bytes, offset, length);
            while (rest.hasRemaining()) to.write(rest);
        } catch (IOException e) {
            // its reader finds out as well
        }
    }

    @Override
    public void close() {
        closed = true;
        try (ServerSocketChannel listening = server;
                SocketChannel connected = peer) {
            if (listening != null && address instanceof UnixDomainSocketAddress unix)
                Files.deleteIfExists(unix.getPath());
        } catch (IOException e) {
            // nothing of it is left
        }
    }
}
