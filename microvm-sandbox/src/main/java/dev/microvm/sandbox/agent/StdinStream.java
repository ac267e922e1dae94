package dev.microvm.sandbox.agent;

import java.io.IOException;
import java.io.InterruptedIOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.Objects;
import java.util.concurrent.locks.Condition;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * The stream to a command's standard input. A write waits while the command has a whole window of
 * bytes to read. Any thread may call.
 */
public final class StdinStream extends OutputStream {
    private final ExecLink link;
    private final ReentrantLock lock = new ReentrantLock();
    private final Condition changed = lock.newCondition();

    // Guarded by the lock.
    private int credit = Wire.WINDOW;
    private boolean closed;
    private @Nullable String broken;

    StdinStream(ExecLink link) {
        this.link = link;
    }

    @Override
    public void write(int value) throws IOException {
        write(new byte[] {(byte) value});
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
        Objects.checkFromIndexSize(offset, length, bytes.length);
        int sent = 0;
        while (sent < length) {
            int piece = reserve(length - sent);
            link.sendInput(ByteBuffer.wrap(bytes, offset + sent, piece));
            sent += piece;
        }
    }

    /** Waits for credit and takes at most {@code wanted} of it. */
    private int reserve(int wanted) throws IOException {
        lock.lock();
        try {
            while (credit == 0 && broken == null && !closed) changed.await();
            if (closed) throw new IOException("Stream closed");
            if (broken != null) throw new IOException(broken);
            int piece = Math.min(Math.min(wanted, credit), Wire.MAX_DATA);
            credit -= piece;
            return piece;
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while the command does not read");
        } finally {
            lock.unlock();
        }
    }

    void grant(int bytes) throws AgentProtocolException {
        lock.lock();
        try {
            if (bytes < 0 || bytes > Wire.WINDOW - credit) throw new AgentProtocolException("credit for " + bytes);
            credit += bytes;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Lets all further writes fail. The first reason stays. */
    void broken(String reason) {
        lock.lock();
        try {
            if (broken == null) broken = reason;
            changed.signalAll();
        } finally {
            lock.unlock();
        }
    }

    /** Ends the command's standard input after what was written. */
    @Override
    public void close() {
        lock.lock();
        try {
            if (closed) return;
            closed = true;
            changed.signalAll();
            if (broken != null) return;
        } finally {
            lock.unlock();
        }
        link.endInput();
    }
}
