package dev.microvm.devices.virtio.vsock;

import dev.microvm.event.Timeouts;
import java.io.IOException;
import java.net.SocketTimeoutException;
import java.nio.channels.AsynchronousCloseException;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.spi.AbstractInterruptibleChannel;
import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;

/**
 * A port of the host to which programs in the guest can connect: {@link VsockHost#listen}. Any
 * thread may call. As with all interruptible channels, another thread may close it, and an
 * interrupt of a waiting thread closes it.
 */
public final class VsockListener extends AbstractInterruptibleChannel {
    /** Maximum number of connections that wait to be accepted. Further ones are refused. */
    public static final int BACKLOG = 128;

    private final VsockHost host;
    private final long port;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // Guarded by the lock.
    private final ArrayDeque<VsockChannel> backlog = new ArrayDeque<>();
    private boolean closed;

    VsockListener(VsockHost host, long port) {
        this.host = host;
        this.port = port;
    }

    /** Returns the port, 0 to 4294967295. */
    public long port() {
        return port;
    }

    /**
     * Waits for a connection.
     *
     * @throws AsynchronousCloseException if the listener is closed meanwhile, or the machine ends
     */
    public VsockChannel accept() throws IOException {
        return accept(Long.MAX_VALUE);
    }

    /**
     * Waits for a connection for at most {@code timeout}.
     *
     * @throws IllegalArgumentException if {@code timeout} is negative
     * @throws SocketTimeoutException if no connection arrives in time
     * @throws AsynchronousCloseException if the listener is closed meanwhile, or the machine ends
     */
    public VsockChannel accept(Duration timeout) throws IOException {
        return accept(Timeouts.nanos("timeout", timeout));
    }

    private VsockChannel accept(long nanos) throws IOException {
        if (!isOpen()) throw new ClosedChannelException();
        boolean done = false;
        try {
            begin();
            VsockChannel next = next(nanos);
            done = true;
            return next;
        } finally {
            end(done);
        }
    }

    private VsockChannel next(long nanos) throws IOException {
        long left = nanos;
        lock.lock();
        try {
            while (backlog.isEmpty()) {
                if (closed) throw new AsynchronousCloseException();
                if (left <= 0) {
                    throw new SocketTimeoutException("nobody in the guest connected to host port %d within %d ms"
                            .formatted(port, nanos / 1_000_000));
                }
                left = changed.awaitNanos(left);
            }
            return backlog.remove();
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new AsynchronousCloseException(); // which becomes ClosedByInterruptException
        } finally {
            lock.unlock();
        }
    }

    /**
     * Queues a connection that the guest asks for; returns false if the queue is full. Called on
     * the loop.
     */
    boolean offer(VsockChannel channel) {
        lock.lock();
        try {
            if (closed || backlog.size() == BACKLOG) return false;
            backlog.add(channel);
            changed.signal();
        } finally {
            lock.unlock();
        }
        channel.accept();
        return true;
    }

    /** Closes the listener and its waiting connections. Accepted connections stay open. */
    @Override
    protected void implCloseChannel() throws IOException {
        List<VsockChannel> waiting;
        lock.lock();
        try {
            closed = true;
            waiting = new ArrayList<>(backlog);
            backlog.clear();
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        host.forget(this);
        for (VsockChannel each : waiting) each.close();
    }

    @Override
    public String toString() {
        return "vsock listener, host port " + port;
    }
}
