package dev.microvm.devices.virtio.vsock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.spi.AbstractInterruptibleChannel;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A connection with a program in the guest, as a blocking channel: for threads of either kind, one reader and one writer at a time,
 * others wait. As with all interruptible channels, another thread may close it, and an interrupt of a thread that uses it closes it.
 *
 * <p>{@link java.nio.channels.Channels} makes streams of it. A connection that the guest resets, by a crash or by unloading its
 * driver, fails with a {@link java.net.SocketException}; one that its program closes ends.
 */
public final class VsockChannel extends AbstractInterruptibleChannel implements ByteChannel {
    private final Connection connection;
    private final ReentrantLock reading = new ReentrantLock();
    private final ReentrantLock writing = new ReentrantLock(); // what each writes stays together

    VsockChannel(Connection connection) {
        this.connection = connection;
    }

    /** The host's port, 0 to 4294967295: the one listened at, or one that was chosen for the connection. */
    public long hostPort() {
        return Integer.toUnsignedLong(connection.hostPort());
    }

    /** The guest's port, 0 to 4294967295. */
    public long guestPort() {
        return Integer.toUnsignedLong(connection.guestPort());
    }

    /**
     * Reads what there is, and waits until there is something.
     *
     * @return how many bytes; -1 when the guest has sent all that it wanted to, or the input is shut down
     */
    @Override
    public int read(ByteBuffer to) throws IOException {
        if (to.isReadOnly()) throw new IllegalArgumentException("a read-only buffer");
        reading.lock();
        try {
            requireOpen();
            if (!to.hasRemaining()) return 0;
            boolean done = false;
            try {
                begin();
                int length = connection.read(to);
                done = true;
                return length;
            } finally {
                end(done);
            }
        } finally {
            reading.unlock();
        }
    }

    /** Writes all bytes of a buffer; waits while the guest does not read. Returns how many they were. */
    @Override
    public int write(ByteBuffer from) throws IOException {
        writing.lock();
        try {
            requireOpen();
            int length = from.remaining();
            boolean done = false;
            try {
                begin();
                connection.write(from);
                done = true;
                return length;
            } finally {
                end(done);
            }
        } finally {
            writing.unlock();
        }
    }

    /** Waits until the guest has answered the request for this connection. */
    void awaitEstablished(long nanos) throws IOException {
        boolean done = false;
        try {
            begin();
            connection.awaitEstablished(nanos);
            done = true;
        } finally {
            end(done);
        }
    }

    /** Answers the guest that asked for this connection. */
    void accept() {
        connection.accept();
    }

    /**
     * Ends what the host sends: the guest reads to the end of it. The other direction goes on. Returns this.
     *
     * @throws ClosedChannelException if the channel is closed
     */
    public VsockChannel shutdownOutput() throws IOException {
        requireOpen();
        connection.shutDown(VsockProtocol.SHUTDOWN_SEND);
        return this;
    }

    /**
     * Ends what the host receives: nothing more can be read, and what the guest writes fails. The other direction goes on. Returns this.
     *
     * @throws ClosedChannelException if the channel is closed
     */
    public VsockChannel shutdownInput() throws IOException {
        requireOpen();
        connection.shutDown(VsockProtocol.SHUTDOWN_RECEIVE);
        return this;
    }

    private void requireOpen() throws ClosedChannelException {
        if (!isOpen()) throw new ClosedChannelException();
    }

    /** What was written is sent all the same; nobody waits for that. */
    @Override
    protected void implCloseChannel() {
        connection.close();
    }

    @Override
    public String toString() {
        return "vsock connection, host port %d, guest port %d".formatted(hostPort(), guestPort());
    }
}
