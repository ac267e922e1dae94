package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.net.SocketException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.spi.AbstractInterruptibleChannel;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * A connection of {@link PortStreams}, as a blocking channel. One thread reads and one writes at a
 * time. As with all interruptible channels, another thread may close it, and an interrupt of a
 * thread that uses it closes it.
 */
final class PortStream extends AbstractInterruptibleChannel implements ByteChannel {
    private final PortStreams port;
    private final int id;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // Guarded by the lock.
    private byte @Nullable [] received; // a ring, made with the first byte
    private int start;
    private int size;
    private int taken; // bytes that were read and not granted again
    private int credit = PortStreams.CREDIT;
    private boolean inputEnded;
    private @Nullable String failure; // why nothing more comes or goes

    PortStream(PortStreams port, int id) {
        this.port = port;
        this.id = id;
    }

    int id() {
        return id;
    }

    @Override
    public int read(ByteBuffer to) throws IOException {
        boolean done = false;
        try {
            begin();
            int length = readBytes(to);
            done = true;
            return length;
        } finally {
            end(done);
        }
    }

    private int readBytes(ByteBuffer to) throws IOException {
        lock.lock();
        try {
            while (size == 0 && !inputEnded && failure == null && isOpen()) changed.awaitUninterruptibly();
            if (!isOpen()) throw new ClosedChannelException();
            if (size == 0 && failure != null && !inputEnded) throw new SocketException(failure);
            if (size == 0 || received == null) return -1;
            int length = Math.min(to.remaining(), size);
            int first = Math.min(length, PortStreams.CREDIT - start);
            to.put(received, start, first).put(received, 0, length - first);
            start = (start + length) % PortStreams.CREDIT;
            size -= length;
            taken += length;
            if (taken >= PortStreams.CREDIT / 2 && failure == null) {
                port.send(PortStreams.GRANT, id, taken);
                taken = 0;
            }
            return length;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public int write(ByteBuffer from) throws IOException {
        int length = from.remaining();
        boolean done = false;
        try {
            begin();
            while (from.hasRemaining()) writePiece(from);
            done = true;
            return length;
        } finally {
            end(done);
        }
    }

    private void writePiece(ByteBuffer from) throws IOException {
        lock.lock();
        try {
            while (credit == 0 && failure == null && isOpen()) changed.awaitUninterruptibly();
            if (!isOpen()) throw new ClosedChannelException();
            if (failure != null) throw new SocketException(failure);
            int piece = Math.min(Math.min(from.remaining(), credit), PortStreams.RECORD);
            port.send(PortStreams.DATA, id, from.slice(from.position(), piece));
            from.position(from.position() + piece);
            credit -= piece;
        } finally {
            lock.unlock();
        }
    }

    /** Ends the output; the other direction stays open. */
    void shutdownOutput() throws IOException {
        if (!isOpen()) throw new ClosedChannelException();
        port.send(PortStreams.END, id, ByteBuffer.allocate(0));
    }

    /** Takes a record of the agent; returns whether it may have sent it. */
    boolean take(int kind, ByteBuffer payload) {
        lock.lock();
        try {
            changed.signalAll();
            return switch (kind) {
                case PortStreams.DATA -> store(payload);
                case PortStreams.GRANT -> grant(payload);
                case PortStreams.END -> inputEnded = true;
                case PortStreams.CLOSE -> {
                    inputEnded = true;
                    failure = "the guest has closed the connection";
                    yield true;
                }
                default -> false;
            };
        } finally {
            lock.unlock();
        }
    }

    private boolean store(ByteBuffer bytes) {
        int length = bytes.remaining();
        if (length > PortStreams.CREDIT - size - taken) return false;
        if (received == null) received = new byte[PortStreams.CREDIT];
        int end = (start + size) % PortStreams.CREDIT;
        int first = Math.min(length, PortStreams.CREDIT - end);
        bytes.get(received, end, first).get(received, 0, length - first);
        size += length;
        return true;
    }

    private boolean grant(ByteBuffer payload) {
        int more = payload.remaining() < Integer.BYTES ? -1 : payload.getInt();
        if (more < 0 || more > PortStreams.CREDIT - credit) return false;
        credit += more;
        return true;
    }

    /** Lets all that follows fail, once what has come is read. */
    void fail(String why) {
        lock.lock();
        try {
            if (failure == null) failure = why;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    protected void implCloseChannel() {
        port.close(id);
        lock.lock();
        try {
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public String toString() {
        return "stream %d of the port %s".formatted(id, PortStreams.PORT);
    }
}
