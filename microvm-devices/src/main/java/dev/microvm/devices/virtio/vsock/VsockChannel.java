package dev.microvm.devices.virtio.vsock;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.spi.AbstractInterruptibleChannel;
import java.util.Objects;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A connection with a program in the guest, as a blocking channel. Platform and virtual threads may
 * use it. One thread reads and one writes at a time; others wait. As with all interruptible
 * channels, another thread may close it, and an interrupt of a thread that uses it closes it.
 *
 * <p>{@link java.nio.channels.Channels} makes streams of it. If the guest resets the connection, by
 * a crash or by unloading its driver, calls throw a {@link java.net.SocketException}. If the
 * program in the guest closes the connection, reads return -1.
 */
public final class VsockChannel extends AbstractInterruptibleChannel implements ByteChannel {
    private final Connection connection;
    private final ReentrantLock reading = new ReentrantLock();
    private final ReentrantLock writing = new ReentrantLock(); // what each writes stays together

    VsockChannel(Connection connection) {
        this.connection = connection;
    }

    /**
     * Returns the host's port, 0 to 4294967295: the port of the listener, or one chosen for this
     * connection.
     */
    public long hostPort() {
        return Integer.toUnsignedLong(connection.hostPort());
    }

    /** Returns the guest's port, 0 to 4294967295. */
    public long guestPort() {
        return Integer.toUnsignedLong(connection.guestPort());
    }

    /**
     * Reads the available bytes, and waits until there is at least one.
     *
     * @return the number of bytes; -1 after the guest ended its output, or after
     *     {@link #shutdownInput}
     */
    @Override
    public int read(ByteBuffer to) throws IOException {
        Objects.requireNonNull(to, "to");
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

    /** Writes all bytes of a buffer; waits while the guest does not read. Returns their number. */
    @Override
    public int write(ByteBuffer from) throws IOException {
        Objects.requireNonNull(from, "from");
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

    /** Accepts the request of the guest for this connection. */
    void accept() {
        connection.accept();
    }

    /**
     * Ends the output: the guest reads the bytes written so far, then the end of the stream. The
     * other direction stays open. Returns this.
     *
     * @throws ClosedChannelException if the channel is closed
     */
    public VsockChannel shutdownOutput() throws IOException {
        requireOpen();
        connection.shutDown(VsockProtocol.SHUTDOWN_SEND);
        return this;
    }

    /**
     * Ends the input: nothing more can be read, and writes of the guest fail. The other direction
     * stays open. Returns this.
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

    /** Closes the connection without waiting. Bytes that were written are still sent. */
    @Override
    protected void implCloseChannel() {
        connection.close();
    }

    @Override
    public String toString() {
        return "vsock connection, host port %d, guest port %d".formatted(hostPort(), guestPort());
    }
}
