package dev.microvm.devices.virtio;

import dev.microvm.memory.GuestMemory;
import dev.microvm.state.DeviceState;
import java.lang.invoke.VarHandle;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A split virtqueue, the device's half: VIRTIO 1.2, section 2.7. The driver puts chains of
 * descriptors in; the device {@linkplain #pop takes} them out, {@linkplain #complete completes}
 * them in whatever order, and {@linkplain #notifyDriver notifies}.
 *
 * <p>Called one thing at a time, as all of a device is. Chains are objects that are used again:
 * what comes and goes allocates nothing. While the driver is not ready, or the device needs a
 * reset, the queue is empty and takes no completions.
 *
 * <p>The three parts in guest memory are {@link AvailableRing}, {@link DescriptorTable} and {@link
 * UsedRing}. Here is what the device has to remember: how far it has come in both rings, and the
 * {@link ChainsInFlight}.
 */
public final class Virtqueue {
    /** The most entries of a queue: section 2.7. */
    public static final int MAX_SIZE = 32768;

    private static final int INDEX_MASK = 0xFFFF; // of indices in both rings

    private static final String STATE_TYPE = "virtqueue";
    private static final int STATE_VERSION = 1;

    private final int number;
    private final int maxSize;
    private final GuestMemory memory;
    private final Runnable interrupt;
    private final Runnable renotify;
    private final ChainsInFlight chains = new ChainsInFlight();

    private @Nullable QueueParts parts; // while it is running
    private int size;
    private volatile @Nullable QueueLease lease; // while another process serves it

    private int nextAvailable; // index of the next entry to take, 0 to 0xffff
    private int knownAvailable; // the driver's index when it was last read
    private int nextUsed; // index of the next entry to fill, 0 to 0xffff
    private int publishedUsed; // what the driver sees
    private int notifiedUsed; // when the driver was last notified, or need not have been

    /**
     * Makes a queue that is not running.
     *
     * @param number of the queue in its device, for messages
     * @param maxSize the most entries that the driver may choose: a power of two, 1 to {@link
     *     #MAX_SIZE}
     * @param memory of the guest
     * @param interrupt notifies the driver
     * @param renotify lets the device look at the queue again, after it has done other things
     */
    Virtqueue(int number, int maxSize, GuestMemory memory, Runnable interrupt, Runnable renotify) {
        if (!isSize(maxSize, MAX_SIZE)) {
            throw new IllegalArgumentException("queue size: a power of two, 1 to 32768, was " + maxSize);
        }
        this.number = number;
        this.maxSize = maxSize;
        this.size = maxSize;
        this.memory = memory;
        this.interrupt = interrupt;
        this.renotify = renotify;
    }

    /** Its number in the device, from 0. */
    public int number() {
        return number;
    }

    /** Entries: what the driver chose, or the most it may choose while it has not. */
    public int size() {
        return size;
    }

    /** The most entries that the driver may choose. */
    public int maxSize() {
        return maxSize;
    }

    /**
     * Whether the driver has set it up and is ready, the device is not broken, and it is not on
     * lease.
     */
    public boolean running() {
        return parts != null;
    }

    /** Chains that were taken and are not completed. */
    public int inFlight() {
        return chains.count();
    }

    // ---- what a device does

    /**
     * Serves what is available: gives chain after chain to the handler until there is none, or it
     * takes no more, and notifies the driver of what was completed meanwhile. Notifications of the
     * driver's are off for as long, and on afterwards. At most as many chains as the queue has
     * entries; if there are more, the device is notified again, so that others have their turn.
     */
    public void drain(ChainHandler handler) {
        Objects.requireNonNull(handler, "handler");
        suppressNotifications();
        boolean takes = true;
        for (int left = size; takes && left > 0; left--) {
            DescriptorChain chain = pop();
            if (chain == null) break;
            takes = handler.take(chain);
            if (!takes) putBack(chain);
        }
        notifyDriver();
        boolean more = wantNotifications();
        if (takes && more) renotify.run();
    }

    /** Whether there is a chain to take. */
    public boolean hasNext() {
        QueueParts at = parts;
        return at != null && (chains.putBackCount() > 0 || isAvailable(at.available()));
    }

    /**
     * Takes the oldest chain, or null if there is none.
     *
     * @throws VirtqueueException if the driver broke the rules
     */
    public @Nullable DescriptorChain pop() {
        QueueParts at = parts;
        if (at == null) return null;
        int head;
        if (chains.putBackCount() > 0) {
            head = chains.takePutBack();
        } else if (isAvailable(at.available())) {
            head = at.available().head(nextAvailable);
            nextAvailable = (nextAvailable + 1) & INDEX_MASK;
        } else {
            return null;
        }
        if (head >= size) throw broken("head %d of %d descriptors, 2.7.5".formatted(head, size));
        if (chains.has(head)) throw broken("head %d made available twice, 2.7.13.1".formatted(head));
        DescriptorChain chain = chains.begin(head);
        at.descriptors().walk(chain);
        chains.add(chain);
        return chain;
    }

    /**
     * Whether the driver has made something available. Its index is read only when all up to the
     * last one is taken.
     */
    private boolean isAvailable(AvailableRing ring) {
        if (knownAvailable != nextAvailable) return true;
        int index = ring.index();
        int ahead = (index - nextAvailable) & INDEX_MASK;
        if (ahead > size) {
            throw broken("available index is %d ahead in a queue of %d, 2.7.13.3".formatted(ahead, size));
        }
        knownAvailable = index;
        return ahead > 0;
    }

    /** Puts a chain back that was the last to be taken: it will be the next again. */
    public void putBack(DescriptorChain chain) {
        Objects.requireNonNull(chain, "chain");
        if (isMine(chain)) chains.putBack(chain);
    }

    /**
     * Gives a chain back to the driver, at once; a chain that was taken before a reset is ignored.
     *
     * @param written bytes that the device wrote, from the start of {@link
     *     DescriptorChain#writable}
     */
    public void complete(DescriptorChain chain, long written) {
        stage(chain, written);
        publish();
    }

    /**
     * As {@link #complete}, but the driver does not see it before {@link #publish}: for chains that
     * belong together.
     */
    public void stage(DescriptorChain chain, long written) {
        Objects.requireNonNull(chain, "chain");
        QueueParts at = parts;
        if (at == null || !chains.has(chain)) return;
        Objects.checkFromIndexSize(0, written, chain.writable().length());
        at.used().put(nextUsed, chain.head(), written);
        nextUsed = (nextUsed + 1) & INDEX_MASK;
        chains.remove(chain);
    }

    /** Lets the driver see what was {@linkplain #stage staged}. */
    public void publish() {
        QueueParts at = parts;
        if (at == null || publishedUsed == nextUsed) return;
        publishedUsed = nextUsed;
        at.used().publish(publishedUsed);
    }

    private boolean isMine(DescriptorChain chain) {
        return parts != null && chains.has(chain);
    }

    private VirtqueueException broken(String what) {
        return new VirtqueueException(number, what);
    }

    // ---- notifications, in both directions
    //
    // Each side says in its own ring what it wants to be told, and looks in the other's ring for what
    // there is. Both write first and read second, with a fence between: so of two that do it at the
    // same time, at least one sees what the other has written.

    /**
     * Notifies the driver if it has not been since something was completed, and if it wants to be:
     * 2.7.7, 2.7.10.
     */
    public void notifyDriver() {
        QueueParts at = parts;
        int now = publishedUsed;
        int before = notifiedUsed;
        if (at == null || now == before) return;
        notifiedUsed = now;
        VarHandle.fullFence(); // the index before the wish: else the driver sleeps on what it has not seen
        if (at.available().wantsInterrupt(before, now)) interrupt.run();
    }

    /**
     * Tells the driver that it need not notify, which it may do anyway; for as long as the device
     * looks by itself.
     */
    public void suppressNotifications() {
        QueueParts at = parts;
        if (at != null) at.used().suppressNotifications();
    }

    /**
     * Tells the driver to notify when it makes the next chain available.
     *
     * @return whether there is one already, of which no notification may come: look again
     */
    public boolean wantNotifications() {
        QueueParts at = parts;
        if (at == null) return false;
        at.used().wantNotification(nextAvailable);
        VarHandle.fullFence(); // the wish before the index: else both sides wait
        return hasNext();
    }

    /**
     * Tells the driver to notify when it makes a chain available beyond those that are there, though
     * the device has not taken these. The driver may have notified already of those.
     */
    public void wantNotificationOfMore() {
        QueueParts at = parts;
        if (at != null) at.used().wantNotification(at.available().index());
    }

    // ---- lease

    /**
     * Hands the queue to another process. A device does it in {@link VirtioDevice#activate}, or in
     * {@link VirtioDevice#resume} if the machine is {@linkplain VirtioTransport#pausing pausing};
     * in {@link VirtioDevice#pause} it ends the lease, so that indices can be saved.
     *
     * @param kick wakes the other process when the driver has made something available, such as an
     *     eventfd; called like {@link VirtioDevice#queueNotified}, in its place
     * @param revoked called when the driver takes the queue back, by a reset for example: when it
     *     returns, the other process must not touch guest memory any more
     * @throws IllegalStateException if the queue is not running, is leased, or has chains in flight
     */
    public QueueLease lease(Runnable kick, Runnable revoked) {
        Objects.requireNonNull(kick, "kick");
        Objects.requireNonNull(revoked, "revoked");
        QueueParts at = parts;
        int inFlight = chains.count() + chains.putBackCount();
        if (at == null || inFlight > 0) {
            throw new IllegalStateException(
                    "queue %d: not running, or %d chains in flight".formatted(number, inFlight));
        }
        QueueLease made = new QueueLease(this, at, nextAvailable, kick, revoked, interrupt);
        parts = null;
        lease = made;
        return made;
    }

    boolean isLeased(QueueLease by) {
        return lease == by;
    }

    /** How far the used ring is filled, the ring itself says. */
    void endLease(QueueLease by, int newNextAvailable) {
        if (lease != by) return;
        lease = null;
        parts = by.parts();
        nextAvailable = newNextAvailable & INDEX_MASK;
        knownAvailable = nextAvailable;
        nextUsed = by.parts().used().index();
        publishedUsed = nextUsed;
        notifiedUsed = nextUsed;
    }

    /**
     * Tells whoever serves the queue, if not the device, that the driver has notified; returns
     * whether it is so.
     */
    boolean kick() {
        QueueLease by = lease;
        if (by != null) by.kick();
        return by != null;
    }

    // ---- what the transport does

    /** Whether {@code size} is one that a driver may choose where {@code most} is the most. */
    static boolean isSize(int size, int most) {
        return size >= 1 && size <= most && Integer.bitCount(size) == 1;
    }

    /**
     * Starts the queue where the driver has set it up.
     *
     * @param place as the driver wrote it
     * @param features that were negotiated
     * @throws VirtqueueException if the queue cannot be where it is said to be
     */
    void start(QueuePlace place, long features) {
        stop();
        if (!isSize(place.size(), maxSize)) {
            throw broken("size %d, not a power of two up to %d, 2.7".formatted(place.size(), maxSize));
        }
        QueueParts checked = QueueParts.at(place, number, memory, features);
        size = place.size();
        chains.start(size);
        parts = checked;
    }

    /** Stops the queue; it touches guest memory no more. What is in flight is forgotten. */
    void stop() {
        parts = null;
        chains.clear();
        QueueLease leased = lease;
        lease = null;
        if (leased != null) leased.revoke();
    }

    /** As before the driver came. */
    void reset() {
        stop();
        size = maxSize;
        nextAvailable = 0;
        knownAvailable = 0;
        nextUsed = 0;
        publishedUsed = 0;
        notifiedUsed = 0;
    }

    /** Indices and what is in flight; where the queue is, the transport knows. */
    DeviceState save() {
        if (lease != null) {
            throw new IllegalStateException("queue %d is leased: its indices are not known".formatted(number));
        }
        return new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("nextAvailable", nextAvailable)
                .put("nextUsed", nextUsed)
                .put("publishedUsed", publishedUsed)
                .put("notifiedUsed", notifiedUsed)
                .put("heads", chains.heads());
    }

    /**
     * Puts indices back, in a queue that was started anew if it ran; what was in flight is the next
     * to be taken.
     */
    void restore(DeviceState state) {
        state.require(STATE_TYPE, STATE_VERSION);
        chains.restore(state.bytes("heads"));
        nextAvailable = state.integer("nextAvailable") & INDEX_MASK;
        knownAvailable = nextAvailable;
        nextUsed = state.integer("nextUsed") & INDEX_MASK;
        publishedUsed = state.integer("publishedUsed") & INDEX_MASK;
        notifiedUsed = state.integer("notifiedUsed") & INDEX_MASK;
    }
}
