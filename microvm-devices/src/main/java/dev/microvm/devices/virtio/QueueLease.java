package dev.microvm.devices.virtio;

/**
 * A queue that another process serves, as in vhost-user: what that process has to know of it, and
 * the two ways by which each side wakes the other. {@link Virtqueue#lease} makes it.
 *
 * <p>Meanwhile the queue yields no chains to its device and takes none back. The lease lasts until
 * the device {@linkplain #end ends} it, or until it is revoked because the driver takes the queue
 * back.
 *
 * <p>On Linux both ways can be descriptors: {@code kick} signals an {@link
 * dev.microvm.linux.EventFd}, and a {@link VirtioTransport#loop loop}'s signal, which has one, runs
 * {@link #call}.
 */
public final class QueueLease {
    private final Virtqueue queue;
    private final QueueParts parts;
    private final int nextAvailable;
    private final Runnable kick;
    private final Runnable revoked;
    private final Runnable interrupt;

    QueueLease(
            Virtqueue queue, QueueParts parts, int nextAvailable, Runnable kick, Runnable revoked, Runnable interrupt) {
        this.queue = queue;
        this.parts = parts;
        this.nextAvailable = nextAvailable;
        this.kick = kick;
        this.revoked = revoked;
        this.interrupt = interrupt;
    }

    /** Where the queue lies, and how large it is. */
    public QueuePlace place() {
        return parts.place();
    }

    /** The queue's parts, for its end. */
    QueueParts parts() {
        return parts;
    }

    /** The index in the available ring of the first chain to serve, 0 to 0xffff. */
    public int nextAvailable() {
        return nextAvailable;
    }

    /**
     * Interrupts the driver because of used buffers; any thread may call. After the end it does
     * nothing.
     */
    public void call() {
        if (queue.isLeased(this)) interrupt.run();
    }

    /**
     * Gives the queue back to its device, when the other process has completed what it took and
     * stopped. Called like any method of the device; does nothing if the lease has ended.
     *
     * @param newNextAvailable the index in the available ring of the first chain that it did not
     *     take
     */
    public void end(int newNextAvailable) {
        queue.endLease(this, newNextAvailable);
    }

    /** The driver has made something available. */
    void kick() {
        kick.run();
    }

    /** The queue is the driver's again. */
    void revoke() {
        revoked.run();
    }
}
