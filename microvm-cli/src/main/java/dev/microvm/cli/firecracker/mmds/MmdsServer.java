package dev.microvm.cli.firecracker.mmds;

import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/**
 * Serves guests on a Unix socket that only this user can reach, with a virtual thread for each
 * connection. The network before it bounds their number.
 */
public final class MmdsServer implements AutoCloseable {
    private final MmdsHttp http;
    private final Path folder;
    private final ServerSocketChannel server;
    private final Set<SocketChannel> open = ConcurrentHashMap.newKeySet();

    private MmdsServer(MmdsHttp http, Path folder, ServerSocketChannel server) {
        this.http = http;
        this.folder = folder;
        this.server = server;
    }

    /**
     * Listens.
     *
     * @param id name of the machine, which is part of its tokens
     * @param counts receives the name of a count to increase
     * @throws IOException if no socket can be made
     */
    public static MmdsServer listen(Mmds mmds, String id, Consumer<String> counts) throws IOException {
        Path folder = Files.createTempDirectory("microvm-mmds"); // for this user alone
        ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
        TokenAuthority tokens = new TokenAuthority(id, System::nanoTime);
        MmdsServer made = new MmdsServer(new MmdsHttp(mmds, tokens, counts), folder, server);
        try {
            server.bind(UnixDomainSocketAddress.of(made.socket()));
        } catch (IOException e) {
            made.close();
            throw e;
        }
        Thread.ofVirtual().name("mmds").start(made::accept);
        return made;
    }

    /** Returns where it listens. */
    public Path socket() {
        return folder.resolve("socket");
    }

    private void accept() {
        try {
            while (true) {
                SocketChannel guest = server.accept();
                open.add(guest);
                Thread.ofVirtual().name("mmds-connection").start(() -> serve(guest));
            }
        } catch (IOException e) {
            // closed
        }
    }

    private void serve(SocketChannel guest) {
        try (guest) {
            InputStream from = new BufferedInputStream(Channels.newInputStream(guest));
            while (answerNext(from, guest)) {}
        } catch (IOException e) {
            // the guest has closed the connection, or this is closed
        } finally {
            open.remove(guest);
        }
    }

    /** Answers a request; returns whether there may be another one. */
    private boolean answerNext(InputStream from, SocketChannel guest) throws IOException {
        try {
            Optional<HttpRequest> request = HttpRequest.read(from);
            if (request.isEmpty()) return false;
            boolean lasts = request.get().lasts();
            send(http.answer(request.get()).bytes(lasts), guest);
            return lasts;
        } catch (HttpRequest.Malformed e) {
            send(
                    HttpResponse.text(HttpResponse.BAD_REQUEST, String.valueOf(e.getMessage()))
                            .bytes(false),
                    guest);
            return false;
        }
    }

    private static void send(byte[] bytes, SocketChannel guest) throws IOException {
        ByteBuffer rest = ByteBuffer.wrap(bytes);
        while (rest.hasRemaining()) guest.write(rest);
    }

    /** Ends all connections. */
    @Override
    public void close() {
        try {
            server.close();
            for (SocketChannel guest : open) guest.close();
            Files.deleteIfExists(socket());
            Files.deleteIfExists(folder);
        } catch (ClosedChannelException e) {
            // it is closed
        } catch (IOException e) {
            throw new IllegalStateException("cannot close the metadata service: " + e, e);
        }
    }
}
