package dev.microvm.console;

import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.devices.virtio.console.ConsolePort;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * Writes what the host types to the guest's console. Each run of a machine connects a new port. A
 * writer waits while there is no port or the port is full; the end of the machine ends all waits.
 * Any thread may call.
 */
public final class ConsoleInput {
    private final ReentrantLock writing = new ReentrantLock(); // one writer at a time: each write stays together
    private final Semaphore changes = new Semaphore(0); // a permit: look again for room, or for the end
    private final @Nullable String refusal;
    private volatile boolean ended;
    private volatile Runnable onGuestClose = () -> {};

    // Guarded by this.
    private @Nullable Object port; // the connected port
    private Receiver receiver = (bytes, offset, length) -> 0;

    /**
     * Makes an input that is not connected yet.
     *
     * @param refusal why nothing may be typed; null if typing is allowed
     */
    public ConsoleInput(@Nullable String refusal) {
        this.refusal = refusal;
    }

    /**
     * Connects to this port. It inherits the bytes that the guest has not read from the last one.
     */
    public synchronized void connect(Uart16550 next) {
        if (port instanceof Uart16550 last) next.inherit(last);
        // Nothing here may refer to the MicroVm, so that a forgotten one can be collected.
        next.onInputSpace(changes::release);
        connect(next, next::receive);
    }

    /** The same for a port of a virtio console. */
    public synchronized void connect(ConsolePort next) {
        if (port instanceof ConsolePort last) next.inherit(last);
        next.onInputSpace(changes::release);
        next.onGuestClose(() -> onGuestClose.run());
        connect(next, next::receive);
    }

    /** Sets the action to call when the guest closes its end of a port. It must not block. */
    public void onGuestClose(Runnable action) {
        onGuestClose = action;
    }

    private void connect(Object next, Receiver by) {
        port = next;
        receiver = by;
        changes.release();
    }

    /** Ends the input: the guest will not read any more. */
    public void end() {
        ended = true;
        changes.release();
    }

    /** Whether the guest will not read any more. */
    boolean ended() {
        return ended;
    }

    /**
     * Writes all bytes and waits while there is no room.
     *
     * @throws InterruptedIOException if the thread is interrupted while it waits; a part may have
     *     been written
     * @throws IOException if the guest has ended or ends meanwhile, or nothing may be typed
     */
    public void write(byte[] bytes, int offset, int length) throws IOException {
        if (refusal != null) throw new IOException(refusal);
        try {
            writing.lockInterruptibly();
            try {
                int done = 0;
                while (done < length) {
                    if (ended) throw new IOException("the guest does not run");
                    done += offer(bytes, offset + done, length - done);
                    if (done < length) changes.acquire();
                }
            } finally {
                writing.unlock();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
            throw new InterruptedIOException("interrupted while waiting for the guest to read its console");
        }
    }

    /** Holds the lock of {@link #connect}, so that a replaced port receives nothing. */
    private synchronized int offer(byte[] bytes, int offset, int length) {
        return receiver.receive(bytes, offset, length);
    }

    /** Takes as many bytes as there is room for, and returns how many. */
    @FunctionalInterface
    private interface Receiver {
        int receive(byte[] bytes, int offset, int length);
    }
}
