package dev.microvm.backend.net;

import dev.microvm.error.MicroVmException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;
import java.nio.file.Path;
import java.util.Objects;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A network behind a stream socket, in the framing of QEMU's {@code -netdev stream}, which passt
 * speaks: before each frame its length in bytes, 32 bits in network order. When the other side goes
 * away, nothing is carried any more.
 */
public final class StreamBackend extends SessionBackend {
    private static final Logger log = LoggerFactory.getLogger(StreamBackend.class);
    private static final int PREFIX = Integer.BYTES;
    private static final int MAX_LENGTH = VnetHeader.MAX_FRAME - VnetHeader.SIZE;
    private static final int BUFFER = 4 * (PREFIX + MAX_LENGTH); // what is read at a time

    private final SocketAddress peer;

    private StreamBackend(SocketAddress peer) {
        this.peer = peer;
    }

    /** A network that listens at a Unix socket, as passt does; {@link #start} connects. */
    public static StreamBackend unix(Path socket) {
        Objects.requireNonNull(socket, "socket");
        return new StreamBackend(UnixDomainSocketAddress.of(socket));
    }

    /** A network that listens at a TCP port; {@link #start} connects. */
    public static StreamBackend tcp(InetSocketAddress address) {
        Objects.requireNonNull(address, "address");
        return new StreamBackend(address);
    }

    /** A network that listens at a Unix socket or a TCP port. */
    public static StreamBackend to(SocketAddress peer) {
        Objects.requireNonNull(peer, "peer");
        return new StreamBackend(peer);
    }

    /** Where the network listens. */
    public SocketAddress peer() {
        return peer;
    }

    @Override
    protected NetSession open(String name, Runnable ready) {
        try {
            SocketChannel channel = connect();
            try {
                return new Session(channel, name, ready);
            } catch (IOException e) {
                channel.close();
                throw e;
            }
        } catch (IOException e) {
            throw new MicroVmException(
                    "%s: cannot be connected to (%s): start what listens there first, such as \"passt -f -s SOCKET\""
                            .formatted(this, e.getMessage()),
                    e);
        }
    }

    private SocketChannel connect() throws IOException {
        if (!(peer instanceof UnixDomainSocketAddress)) {
            SocketChannel channel = SocketChannel.open(peer);
            return channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
        }
        SocketChannel channel = SocketChannel.open(StandardProtocolFamily.UNIX);
        try {
            channel.connect(peer);
            return channel;
        } catch (IOException e) {
            channel.close();
            throw e;
        }
    }

    @Override
    public String toString() {
        return "stream " + peer;
    }

    /** A connection, and the thread that waits until it can be read or written. */
    private static final class Session extends NetSession {
        private final SocketChannel channel;
        private final Selector selector;
        private final SelectionKey key;
        private final Runnable ready;
        private final ByteBuffer outgoing = ByteBuffer.allocateDirect(PREFIX + MAX_LENGTH);
        private final MemorySegment outgoingSegment = MemorySegment.ofBuffer(outgoing.duplicate());
        private final ByteBuffer incoming = ByteBuffer.allocateDirect(BUFFER);
        private final MemorySegment incomingSegment = MemorySegment.ofBuffer(incoming.duplicate());
        private volatile boolean over;

        Session(SocketChannel channel, String name, Runnable ready) throws IOException {
            super("microvm-" + name + "-stream");
            this.channel = channel;
            this.ready = ready;
            channel.configureBlocking(false);
            selector = Selector.open();
            key = channel.register(selector, 0);
            outgoing.flip();
            incoming.flip();
        }

        /** Writes a frame, or keeps what the socket does not take: one frame at most. */
        @Override
        protected boolean send(MemorySegment segment, long offset, long length) {
            if (over || length > MAX_LENGTH) return true;
            try {
                return put(segment, offset, length);
            } catch (IOException e) {
                lost(e);
                return true;
            }
        }

        private boolean put(MemorySegment segment, long offset, long length) throws IOException {
            synchronized (outgoing) {
                if (!flush()) return false;
                outgoing.clear().putInt(0, (int) length).limit(PREFIX + (int) length);
                MemorySegment.copy(segment, offset, outgoingSegment, PREFIX, length);
                flush();
                return true;
            }
        }

        /**
         * Writes what is left of a frame; returns whether that was all. The caller holds the lock
         * of {@code outgoing}.
         */
        private boolean flush() throws IOException {
            if (outgoing.hasRemaining()) channel.write(outgoing);
            if (!outgoing.hasRemaining()) return true;
            await(SelectionKey.OP_WRITE);
            return false;
        }

        @Override
        protected int receive(MemorySegment segment, long offset, int capacity) {
            if (over) return NO_FRAME;
            try {
                if (!hasFrame() && !(read() && hasFrame())) {
                    if (!over) await(SelectionKey.OP_READ);
                    return NO_FRAME;
                }
            } catch (IOException e) {
                lost(e);
                return NO_FRAME;
            }
            int length = incoming.getInt();
            int part = Math.min(length, capacity);
            MemorySegment.copy(incomingSegment, incoming.position(), segment, offset, part);
            incoming.position(incoming.position() + length);
            return part;
        }

        private boolean hasFrame() throws IOException {
            while (incoming.remaining() >= PREFIX) {
                int length = incoming.getInt(incoming.position());
                if (length < 0 || length > MAX_LENGTH) throw new IOException("a frame of %d bytes".formatted(length));
                if (incoming.remaining() - PREFIX < length) return false;
                if (length > 0) return true;
                incoming.getInt(); // an empty frame is none
            }
            return false;
        }

        /** Reads what there is; returns whether that was anything. */
        private boolean read() throws IOException {
            incoming.compact();
            int read = channel.read(incoming);
            incoming.flip();
            if (read < 0) lost(new IOException("the other side has closed it"));
            return read > 0;
        }

        private void await(int operation) {
            key.interestOpsOr(operation);
            selector.wakeup();
        }

        private void lost(IOException cause) {
            if (!over && !stopping())
                log.warn("stream {}: nothing is carried any more: {}", threadName(), cause.getMessage());
            over = true;
        }

        @Override
        protected void serve() throws IOException {
            selector.select();
            if (stopping() || selector.selectedKeys().isEmpty()) return;
            selector.selectedKeys().clear();
            int operations = key.readyOps();
            key.interestOpsAnd(~operations);
            if ((operations & SelectionKey.OP_WRITE) != 0) flushRest();
            ready.run();
        }

        /** There may be no further frame that would take the rest of the last along. */
        private void flushRest() {
            try {
                synchronized (outgoing) {
                    flush();
                }
            } catch (IOException e) {
                lost(e);
            }
        }

        @Override
        protected void wake() {
            selector.wakeup();
        }

        @Override
        protected void free() {
            try {
                channel.close();
                selector.close();
            } catch (IOException e) {
                log.debug("closing a stream failed", e);
            }
        }
    }
}
