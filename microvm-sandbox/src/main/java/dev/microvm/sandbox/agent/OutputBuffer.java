package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.io.InputStream;
import java.io.InterruptedIOException;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * An output of a command until the host reads it: at most {@link Wire#WINDOW} bytes, for which the
 * agent has credit. The command waits while it is full. Any thread may read. After {@link #close},
 * further output is dropped.
 */
public final class OutputBuffer extends InputStream implements Sink {
    private static final int GRANT = Wire.WINDOW / 4; // bytes that are granted at a time
    private static final int INITIAL = 1024; // bytes

    /** Lets the agent send more. */
    @FunctionalInterface
    public interface Grant {
        /** Grants this many bytes. */
        void grant(int bytes);
    }

    private final Grant grant;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // Guarded by the lock: a ring that grows.
    private byte[] ring = new byte[INITIAL];
    private int start;
    private int size;
    private int consumed; // not granted again yet
    private boolean ended;
    private boolean closed;
    private @Nullable IOException failure;

    /** @param grant called by readers, without a lock */
    public OutputBuffer(Grant grant) {
        this.grant = grant;
    }

    @Override
    public void accept(ByteBuffer bytes) {
        int dropped = 0;
        lock.lock();
        try {
            if (closed) {
                dropped = bytes.remaining();
            } else {
                append(bytes);
                changed.signalAll();
            }
        } finally {
            lock.unlock();
        }
        if (dropped > 0) grant.grant(dropped);
    }

    private void append(ByteBuffer bytes) {
        int length = bytes.remaining();
        if (size + length > ring.length) grow(size + length);
        int at = (start + size) % ring.length;
        int first = Math.min(length, ring.length - at);
        bytes.get(ring, at, first);
        bytes.get(ring, 0, length - first);
        size += length;
    }

    private void grow(int needed) {
        byte[] larger = new byte[Math.max(needed, Math.min(2 * ring.length, Wire.WINDOW))];
        int first = Math.min(size, ring.length - start);
        System.arraycopy(ring, start, larger, 0, first);
        System.arraycopy(ring, 0, larger, first, size - first);
        ring = larger;
        start = 0;
    }

    @Override
    public void end() {
        end(null);
    }

    /** Ends the stream by an error, which readers get after what came before. */
    public void end(@Nullable IOException reason) {
        lock.lock();
        try {
            if (failure == null) failure = reason;
            ended = true;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    @Override
    public int read() throws IOException {
        byte[] one = new byte[1];
        return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
    }

    @Override
    public int read(byte[] bytes, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, bytes.length);
        if (length == 0) return 0;
        int granted = 0;
        int taken;
        lock.lock();
        try {
            while (size == 0 && !ended && !closed) changed.await();
            if (closed) throw new IOException("Stream closed");
            if (size == 0) {
                if (failure != null) throw new IOException(failure.getMessage(), failure);
                return -1;
            }
            taken = take(bytes, offset, length);
            consumed += taken;
            if (consumed >= GRANT && !ended) {
                granted = consumed;
                consumed = 0;
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while reading a command's output");
        } finally {
            lock.unlock();
        }
        if (granted > 0) grant.grant(granted);
        return taken;
    }

    private int take(byte[] bytes, int offset, int length) {
        int taken = Math.min(length, size);
        int first = Math.min(taken, ring.length - start);
        System.arraycopy(ring, start, bytes, offset, first);
        System.arraycopy(ring, 0, bytes, offset + first, taken - first);
        start = (start + taken) % ring.length;
        size -= taken;
        return taken;
    }

    @Override
    public int available() {
        lock.lock();
        try {
            return size;
        } finally {
            lock.unlock();
        }
    }

    @Override
    public void close() {
        int rest;
        lock.lock();
        try {
            if (closed) return;
            closed = true;
            rest = ended ? 0 : size + consumed;
            size = 0;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
        if (rest > 0) grant.grant(rest);
    }
}
