package dev.microvm.devices.virtio.vsock;

import static java.nio.charset.StandardCharsets.US_ASCII;
import static java.nio.charset.StandardCharsets.UTF_8;

import dev.microvm.error.GuestNoise;
import dev.microvm.error.MicroVmException;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import java.io.IOException;
import java.net.ProtocolException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Objects;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Connects other processes of the host to a guest through Unix sockets, by the convention of
 * Firecracker (its {@code docs/vsock.md}). A process connects to a path, writes
 * {@code CONNECT PORT\n} and reads {@code OK HOSTPORT\n}; it is then connected to that port of the
 * guest. A guest that connects to port P of the host is connected to the Unix socket
 * {@code PATH_P}, if a process listens there.
 *
 * <p>Either end may shut down one direction and keep the other open. Any thread may call.
 */
public final class VsockUnixSockets implements AutoCloseable {
    /**
     * Maximum length of a path in bytes: that of sockaddr_un, unix(7), minus the longest
     * {@code _PORT} and the terminating zero.
     */
    private static final int MOST_PATH_BYTES = 108 - "_4294967295".length() - 1;

    private static final Pattern CONNECT = Pattern.compile("(?i:CONNECT) ([0-9]{1,10})\r?");
    private static final int MOST_CONNECT_BYTES = 32;
    private static final int PIECE = 16 << 10; // bytes that are carried at once
    private static final Duration PAUSE =
            Duration.ofMillis(100); // after an error of accept, such as too many open files

    private static final Logger log = LoggerFactory.getLogger(VsockUnixSockets.class);

    private final VsockHost host;
    private final Path path;
    private final String threadName;
    private final Duration connectTimeout;
    private final Budget descriptors;
    private final GuestNoise failures = new GuestNoise(); // of accept and of making sockets

    // Guarded by this.
    private @Nullable ServerSocketChannel server;
    private volatile @Nullable UnixPeers peers; // once it is open
    private volatile boolean ended;

    /**
     * Describes the sockets; {@link #open} makes them.
     *
     * @param host host end of the guest's socket device
     * @param path path of the socket for connections to the guest; must not exist yet, and must
     *     have no {@linkplain #problem problem}
     * @param connectTimeout maximum time from {@code CONNECT} to the answer of the guest
     * @param machine name of the machine, for threads and the log
     */
    public VsockUnixSockets(VsockHost host, Path path, Duration connectTimeout, String machine) {
        this(host, path, connectTimeout, machine, JvmBudgets.descriptors());
    }

    VsockUnixSockets(VsockHost host, Path path, Duration connectTimeout, String machine, Budget descriptors) {
        this.host = Objects.requireNonNull(host, "host");
        this.path = Objects.requireNonNull(path, "path");
        this.connectTimeout = Objects.requireNonNull(connectTimeout, "connectTimeout");
        this.threadName = "microvm-" + Objects.requireNonNull(machine, "machine") + "-vsock";
        this.descriptors = descriptors;
    }

    /**
     * Returns why sockets cannot be made at this path, with the remedy; empty if no problem is
     * found.
     */
    public static Optional<String> problem(Path path) {
        Objects.requireNonNull(path, "path");
        Path folder = path.toAbsolutePath().getParent();
        int length = path.toString().getBytes(UTF_8).length;
        if (folder == null || !Files.isDirectory(folder)) {
            return Optional.of("there is no folder %s to make the socket %s in: make it".formatted(folder, path));
        }
        if (length > MOST_PATH_BYTES) {
            return Optional.of("the path of a Unix socket has at most %d bytes, %s has %d: choose a shorter one"
                    .formatted(MOST_PATH_BYTES, path, length));
        }
        if (Files.exists(path)) return Optional.of("%s is there already: remove it, or choose another".formatted(path));
        return Optional.empty();
    }

    /**
     * Listens at the path, and connects the guest to the sockets of its ports.
     *
     * @throws MicroVmException if the socket cannot be made
     */
    public synchronized void open() {
        try {
            ServerSocketChannel opened = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
            try {
                opened.bind(UnixDomainSocketAddress.of(path));
            } catch (IOException | RuntimeException e) {
                opened.close();
                throw e;
            }
            server = opened;
            UnixPeers made = new UnixPeers(descriptors, threadName);
            peers = made;
            Thread.ofPlatform().name(threadName).daemon().start(() -> acceptAll(opened, made));
            host.listenElsewhere(guest -> offer(guest, made));
        } catch (IOException | UnsupportedOperationException e) {
            String why = problem(path).orElse(e.getMessage());
            throw new MicroVmException("virtioVsock: cannot make the Unix socket %s: %s".formatted(path, why), e);
        }
    }

    /**
     * Stops listening and removes the file of the socket. Existing connections may read to the end.
     * A second call has no effect.
     */
    public synchronized void end() {
        if (ended) return;
        ended = true;
        host.listenElsewhere(null);
        if (server == null) return;
        UnixPeers.closeQuietly(server);
        try {
            Files.deleteIfExists(path);
        } catch (IOException e) {
            log.warn("{}: cannot remove {}: {}", threadName, path, e.toString());
        }
    }

    /** Stops listening and closes all connections. A second call has no effect. */
    @Override
    public void close() {
        end();
        UnixPeers open = peers;
        if (open != null) open.close();
    }

    /** Returns how many connections ended to give their descriptor to others. */
    public long evicted() {
        UnixPeers open = peers;
        return open == null ? 0 : open.evicted();
    }

    /** Returns how many connections were refused because no descriptor could be had. */
    public long refused() {
        UnixPeers open = peers;
        return open == null ? 0 : open.refused();
    }

    // ---- from the host to the guest

    private void acceptAll(ServerSocketChannel from, UnixPeers to) {
        while (!ended) {
            try {
                UnixPeers.Peer peer = to.accepted(from.accept());
                if (peer != null) startThread(() -> serve(peer));
            } catch (ClosedChannelException e) {
                return;
            } catch (IOException e) {
                failed(e);
                pause();
            }
        }
    }

    /** Logs the 1st, 2nd, 4th, 8th... failure. */
    private void failed(IOException cause) {
        long n = failures.count();
        if (n != 0) log.warn("{}: no socket ({} times so far): {}", threadName, n, cause.toString());
    }

    private static void pause() {
        try {
            Thread.sleep(PAUSE);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt(); // accept will throw
        }
    }

    private void serve(UnixPeers.Peer peer) {
        try (peer) {
            long port = readConnect(peer.channel());
            try (VsockChannel guest = host.connect(port, connectTimeout)) {
                write(peer.channel(), "OK %d\n".formatted(guest.hostPort()));
                relay(peer, guest);
            }
        } catch (IOException e) {
            log.debug("{}: {}", threadName, e.toString());
        }
    }

    /** Reads the first line, and no byte after it; returns the port. */
    private static long readConnect(SocketChannel peer) throws IOException {
        StringBuilder line = new StringBuilder();
        ByteBuffer one = ByteBuffer.allocate(1);
        while (line.length() < MOST_CONNECT_BYTES) {
            if (peer.read(one.clear()) < 0) break;
            if (one.get(0) == '\n') {
                Matcher connect = CONNECT.matcher(line);
                long port = connect.matches() ? Long.parseLong(connect.group(1)) : -1;
                if (port >= 0 && port <= VsockHost.LAST_PORT) return port;
                break;
            }
            line.append((char) one.get(0));
        }
        throw new ProtocolException("CONNECT and a port expected, was \"" + line + "\"");
    }

    private static void write(SocketChannel peer, String line) throws IOException {
        ByteBuffer bytes = ByteBuffer.wrap(line.getBytes(US_ASCII));
        while (bytes.hasRemaining()) peer.write(bytes);
    }

    // ---- from the guest to the host

    private boolean offer(VsockChannel guest, UnixPeers to) {
        if (ended) return false;
        startThread(() -> serve(guest, to));
        return true;
    }

    private void serve(VsockChannel guest, UnixPeers among) {
        UnixDomainSocketAddress to = UnixDomainSocketAddress.of(path + "_" + guest.hostPort());
        try (guest;
                UnixPeers.Peer peer = openSocket(among)) {
            if (peer == null) return; // closing the guest's side is a refusal
            peer.channel().connect(to); // until there is somebody, the guest has no answer
            guest.accept();
            relay(peer, guest);
        } catch (IOException e) {
            log.debug("{}: {}: {}", threadName, to, e.toString());
        }
    }

    private UnixPeers.@Nullable Peer openSocket(UnixPeers among) throws IOException {
        try {
            return among.open(() -> SocketChannel.open(StandardProtocolFamily.UNIX));
        } catch (IOException e) {
            failed(e); // too many open files: this process needs to know
            throw e;
        }
    }

    // ---- both

    /** Copies bytes in both directions until both end or one fails. */
    private void relay(UnixPeers.Peer peer, VsockChannel guest) {
        SocketChannel channel = peer.channel();
        Thread back = startThread(() -> carry(guest, channel, peer, channel::shutdownOutput));
        carry(channel, guest, peer, guest::shutdownOutput);
        boolean interrupted = false;
        while (back.isAlive()) {
            try {
                back.join();
            } catch (InterruptedException e) {
                interrupted = true;
                UnixPeers.closeQuietly(channel);
                UnixPeers.closeQuietly(guest);
            }
        }
        if (interrupted) Thread.currentThread().interrupt();
    }

    private void carry(ByteChannel from, ByteChannel to, UnixPeers.Peer peer, Ending end) {
        try {
            ByteBuffer bytes = ByteBuffer.allocate(PIECE);
            while (from.read(bytes.clear()) >= 0) {
                peer.use();
                bytes.flip();
                while (bytes.hasRemaining()) to.write(bytes);
            }
            end.shutDown();
        } catch (IOException e) {
            log.debug("{}: {}", threadName, e.toString());
            UnixPeers.closeQuietly(from); // and so the other direction
            UnixPeers.closeQuietly(to);
        }
    }

    /** Ends one direction. */
    @FunctionalInterface
    private interface Ending {
        void shutDown() throws IOException;
    }

    private Thread startThread(Runnable task) {
        return Thread.ofVirtual().name(threadName).start(task);
    }
}
