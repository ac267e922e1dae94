package dev.microvm.console;

import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.devices.virtio.console.ConsolePort;
import java.io.IOException;
import java.io.InterruptedIOException;
import java.util.concurrent.Semaphore;
import java.util.concurrent.locks.ReentrantLock;
import org.jspecify.annotations.Nullable;

/**
 * What the host types, on its way to the guest's serial port: the port of the moment, as a machine that starts again gets
 * a new one. While there is none, or it is full, who writes waits; the end of the machine lets go of all who wait. Any
 * thread may call.
 */
public final class ConsoleInput {
    private final ReentrantLock writing = new ReentrantLock(); // one writer at a time: what each writes stays together
    private final Semaphore changes = new Semaphore(0); // a permit: look again for room, or for the end
    private final @Nullable String refusal;
    private volatile boolean ended;

    // Guarded by this.
    private @Nullable Object port; // what it leads to
    private Receiver receiver = (bytes, offset, length) -> 0;

    /**
     * Makes one that leads nowhere yet.
     *
     * @param refusal why nothing may be typed; null if it may
     */
    public ConsoleInput(@Nullable String refusal) {
        this.refusal = refusal;
    }

    /** Sends to this port from now on; it inherits what the last one's guest has not read. */
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
        connect(next, next::receive);
    }

    private void connect(Object next, Receiver by) {
        port = next;
        receiver = by;
        changes.release();
    }

    /** Says that nobody will read any more. */
    public void end() {
        ended = true;
        changes.release();
    }

    /** Whether nobody will read any more. */
    boolean ended() {
        return ended;
    }

    /**
     * Writes all, and waits while there is no room.
     *
     * @throws InterruptedIOException if the thread is interrupted while it waits; a part may have been written
     * @throws IOException if the guest has ended, before or meanwhile, or nothing may be typed
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

    /** Under the lock of {@link #connect}, so that nothing is given to a port that was replaced. */
    private synchronized int offer(byte[] bytes, int offset, int length) {
        return receiver.receive(bytes, offset, length);
    }

    /** Takes what there is room for. */
    @FunctionalInterface
    private interface Receiver {
        int receive(byte[] bytes, int offset, int length);
    }
}
