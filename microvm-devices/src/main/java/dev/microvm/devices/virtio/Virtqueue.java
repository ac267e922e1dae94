package dev.microvm.devices.virtio;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Comparator;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A split virtqueue, the device's half: VIRTIO 1.2, section 2.7. The driver puts chains of descriptors in; the device
 * {@linkplain #pop takes} them out, {@linkplain #complete completes} them in whatever order, and {@linkplain #notifyDriver
 * notifies}.
 *
 * <p>Called one thing at a time, as all of a device is. Chains are objects that are used again: what comes and goes
 * allocates nothing. While the driver is not ready, or the device needs a reset, the queue is empty and takes no completions.
 */
public final class Virtqueue {
    /** The most entries of a queue: section 2.7. */
    public static final int MAX_SIZE = 32768;

    // The three parts of a queue, their sizes and alignments: section 2.7, table.
    private static final int DESCRIPTOR_SIZE = 16;
    private static final int DESCRIPTORS_ALIGNMENT = 16;
    private static final int AVAILABLE_ALIGNMENT = 2;
    private static final int USED_ALIGNMENT = 4;

    // struct virtq_desc: section 2.7.5
    private static final int DESC_ADDRESS = 0; // le64
    private static final int DESC_LENGTH = 8; // le32, bytes
    private static final int DESC_FLAGS = 12; // le16
    private static final int DESC_NEXT = 14; // le16
    private static final int DESC_F_NEXT = 1;
    private static final int DESC_F_WRITE = 2;
    private static final int DESC_F_INDIRECT = 4;
    private static final long MOST_BYTES = 1L << 32; // of a chain

    // struct virtq_avail: section 2.7.6
    private static final int AVAIL_FLAGS = 0; // le16
    private static final int AVAIL_INDEX = 2; // le16
    private static final int AVAIL_RING = 4; // le16 each, then used_event
    private static final int AVAIL_ENTRY = 2;
    private static final int AVAIL_F_NO_INTERRUPT = 1;

    // struct virtq_used: section 2.7.8
    private static final int USED_FLAGS = 0; // le16
    private static final int USED_INDEX = 2; // le16
    private static final int USED_RING = 4; // struct virtq_used_elem each, then avail_event
    private static final int USED_ENTRY = 8;
    private static final int USED_ENTRY_ID = 0; // le32
    private static final int USED_ENTRY_LENGTH = 4; // le32
    private static final int USED_F_NO_NOTIFY = 1;

    private static final int EVENT_SIZE = 2; // used_event and avail_event, le16
    private static final int INDEX_MASK = 0xFFFF;

    private static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ALIGNED_SHORT =
            JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();
    private static final MemorySegment NOWHERE = MemorySegment.ofArray(new byte[0]);

    private static final String STATE_TYPE = "virtqueue";
    private static final int STATE_VERSION = 1;

    private final int number;
    private final int maxSize;
    private final GuestMemory memory;
    private final Runnable interrupt;
    private final Runnable renotify;

    // What the driver set up; read once, when the queue is started.
    private boolean running;
    private boolean indirect;
    private boolean eventIndex;
    private int size;
    private @Nullable QueuePlace place;
    private MemorySegment descriptors = NOWHERE;
    private MemorySegment available = NOWHERE;
    private MemorySegment used = NOWHERE;

    private int nextAvailable; // index of the next entry to take, 0 to 0xffff
    private int knownAvailable; // the driver's index when it was last read
    private int nextUsed; // index of the next entry to fill, 0 to 0xffff
    private int publishedUsed; // what the driver sees
    private int notifiedUsed; // when the driver was last notified, or need not have been
    private int order;
    private int inFlightCount;
    private @Nullable DescriptorChain[] inFlight = {}; // by head
    private final ArrayDeque<DescriptorChain> free = new ArrayDeque<>();
    private int[] heldBack = {}; // heads to take before those of the ring, the last one first
    private int heldBackCount;
    private volatile @Nullable QueueLease lease; // while another process serves it

    /**
     * Makes a queue that is not running.
     *
     * @param number of the queue in its device, for messages
     * @param maxSize the most entries that the driver may choose: a power of two, 1 to {@link #MAX_SIZE}
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

    /** Whether the driver has set it up and is ready, and the device is not broken. */
    public boolean running() {
        return running;
    }

    /** Chains that were taken and are not completed. */
    public int inFlight() {
        return inFlightCount;
    }

    // ---- what a device does

    /**
     * Serves what is available: gives chain after chain to the handler until there is none, or it takes no more, and
     * notifies the driver of what was completed meanwhile. Notifications of the driver's are off for as long, and on
     * afterwards. At most as many chains as the queue has entries; if there are more, the device is notified again, so
     * that others have their turn.
     */
    public void drain(ChainHandler handler) {
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
        return running && (heldBackCount > 0 || pending() > 0);
    }

    /**
     * Takes the oldest chain, or null if there is none.
     *
     * @throws VirtqueueException if the driver broke the rules
     */
    public @Nullable DescriptorChain pop() {
        if (!hasNext()) return null;
        int head = nextHead();
        if (head >= size) throw broken("head %d of %d descriptors, 2.7.5".formatted(head, size));
        if (inFlight[head] != null) throw broken("head %d made available twice, 2.7.13.1".formatted(head));
        DescriptorChain chain = free.isEmpty() ? new DescriptorChain() : free.pop();
        chain.begin(head, order++);
        walk(chain);
        inFlight[head] = chain;
        inFlightCount++;
        return chain;
    }

    /** Puts a chain back that was the last to be taken: it will be the next again. */
    public void putBack(DescriptorChain chain) {
        if (!isMine(chain)) return;
        if (chain.order() != order - 1) throw new IllegalStateException("not the last chain that was taken");
        order--;
        heldBack[heldBackCount++] = chain.head();
        release(chain);
    }

    /**
     * Gives a chain back to the driver, at once; a chain that was taken before a reset is ignored.
     *
     * @param written bytes that the device wrote, from the start of {@link DescriptorChain#writable}
     */
    public void complete(DescriptorChain chain, long written) {
        stage(chain, written);
        publish();
    }

    /** As {@link #complete}, but the driver does not see it before {@link #publish}: for chains that belong together. */
    public void stage(DescriptorChain chain, long written) {
        if (!isMine(chain)) return;
        Objects.checkFromIndexSize(0, written, chain.writable().length());
        long at = USED_RING + (long) USED_ENTRY * (nextUsed & (size - 1));
        used.set(LE_INT, at + USED_ENTRY_ID, chain.head());
        used.set(LE_INT, at + USED_ENTRY_LENGTH, (int) written);
        nextUsed = (nextUsed + 1) & INDEX_MASK;
        release(chain);
    }

    /** Lets the driver see what was {@linkplain #stage staged}. */
    public void publish() {
        if (!running || publishedUsed == nextUsed) return;
        publishedUsed = nextUsed;
        ALIGNED_SHORT.setRelease(used, (long) USED_INDEX, (short) publishedUsed); // after the entries: 2.7.8.2
    }

    /** Notifies the driver if it has not been since something was completed, and if it wants to be: 2.7.7, 2.7.10. */
    public void notifyDriver() {
        int now = publishedUsed;
        int before = notifiedUsed;
        if (!running || now == before) return;
        notifiedUsed = now;
        VarHandle.fullFence(); // the index before the wish: else the driver sleeps on what it has not seen
        if (wantsInterrupt(now, before)) interrupt.run();
    }

    private boolean wantsInterrupt(int now, int before) {
        if (!eventIndex) return (available.get(LE_SHORT, AVAIL_FLAGS) & AVAIL_F_NO_INTERRUPT) == 0;
        int event = Short.toUnsignedInt(available.get(LE_SHORT, AVAIL_RING + (long) AVAIL_ENTRY * size));
        return ((now - event - 1) & INDEX_MASK) < ((now - before) & INDEX_MASK);
    }

    /** Tells the driver that it need not notify, which it may do anyway; for as long as the device looks by itself. */
    public void suppressNotifications() {
        // With EVENT_IDX an index that is not moved on says it already: 2.7.10.
        if (running && !eventIndex) used.set(LE_SHORT, USED_FLAGS, (short) USED_F_NO_NOTIFY);
    }

    /**
     * Tells the driver to notify when it makes the next chain available.
     *
     * @return whether there is one already, of which no notification may come: look again
     */
    public boolean wantNotifications() {
        if (!running) return false;
        if (eventIndex) {
            used.set(LE_SHORT, USED_RING + (long) USED_ENTRY * size, (short) nextAvailable);
        } else {
            used.set(LE_SHORT, USED_FLAGS, (short) 0);
        }
        VarHandle.fullFence(); // the wish before the index: else both sides wait
        return hasNext();
    }

    // ---- lease

    /**
     * Hands the queue to another process. A device does it in {@link VirtioDevice#activate}, or in {@link
     * VirtioDevice#resume} if the machine is {@linkplain VirtioTransport#pausing pausing}; in {@link
     * VirtioDevice#pause} it ends the lease, so that indices can be saved.
     *
     * @param kick wakes the other process when the driver has made something available, such as an eventfd; called like
     *     {@link VirtioDevice#queueNotified}, in its place
     * @param revoked called when the driver takes the queue back, by a reset for example: when it returns, the other
     *     process must not touch guest memory any more
     * @throws IllegalStateException if the queue is not running, is leased, or has chains in flight
     */
    public QueueLease lease(Runnable kick, Runnable revoked) {
        QueuePlace at = place;
        if (!running || at == null || inFlightCount + heldBackCount > 0) {
            throw new IllegalStateException(
                    "queue %d: not running, or %d chains in flight".formatted(number, inFlightCount + heldBackCount));
        }
        QueueLease made = new QueueLease(this, at, nextAvailable, kick, revoked, interrupt);
        running = false; // for the device
        lease = made;
        return made;
    }

    boolean isLeased(QueueLease by) {
        return lease == by;
    }

    /** Indices of the used ring are in the ring: 2.7.8. */
    void endLease(QueueLease by, int newNextAvailable) {
        if (lease != by) return;
        lease = null;
        nextAvailable = newNextAvailable & INDEX_MASK;
        knownAvailable = nextAvailable;
        nextUsed = Short.toUnsignedInt((short) ALIGNED_SHORT.getAcquire(used, (long) USED_INDEX));
        publishedUsed = nextUsed;
        notifiedUsed = nextUsed;
        running = true;
    }

    /** Tells whoever serves the queue, if not the device, that the driver has notified; returns whether it is so. */
    boolean kick() {
        QueueLease by = lease;
        if (by != null) by.kick();
        return by != null;
    }

    // ---- the available ring and descriptors

    private int pending() {
        if (knownAvailable == nextAvailable) {
            knownAvailable = Short.toUnsignedInt((short) ALIGNED_SHORT.getAcquire(available, (long) AVAIL_INDEX));
            int pending = (knownAvailable - nextAvailable) & INDEX_MASK;
            if (pending > size) {
                knownAvailable = nextAvailable;
                throw broken("available index is %d ahead in a queue of %d, 2.7.13.3".formatted(pending, size));
            }
        }
        return (knownAvailable - nextAvailable) & INDEX_MASK;
    }

    private int nextHead() {
        if (heldBackCount > 0) return heldBack[--heldBackCount];
        long at = AVAIL_RING + (long) AVAIL_ENTRY * (nextAvailable & (size - 1));
        nextAvailable = (nextAvailable + 1) & INDEX_MASK;
        return Short.toUnsignedInt(available.get(LE_SHORT, at));
    }

    /** Follows a chain from its head, and checks every rule. Each word is read once: the guest may rewrite it. */
    private void walk(DescriptorChain chain) {
        MemorySegment table = descriptors;
        long start = 0;
        int entries = size;
        int index = chain.head();
        int buffers = 0;
        boolean nested = false;
        while (true) {
            if (index >= entries) throw broken("descriptor %d of %d, 2.7.5".formatted(index, entries));
            long at = start + (long) DESCRIPTOR_SIZE * index;
            long address = table.get(LE_LONG, at + DESC_ADDRESS);
            long length = Integer.toUnsignedLong(table.get(LE_INT, at + DESC_LENGTH));
            int flags = Short.toUnsignedInt(table.get(LE_SHORT, at + DESC_FLAGS));
            int next = Short.toUnsignedInt(table.get(LE_SHORT, at + DESC_NEXT));
            if ((flags & DESC_F_INDIRECT) != 0) {
                if (nested) throw broken("an indirect table in an indirect table, 2.7.5.3.1");
                GuestMemoryRegion region = indirectTable(address, length, flags);
                table = region.segment();
                start = address - region.base();
                entries = (int) (length / DESCRIPTOR_SIZE);
                index = 0;
                nested = true;
                continue;
            }
            if (buffers++ == size)
                throw broken("a chain of more than %d descriptors, or a loop, 2.7.5.2".formatted(size));
            add(chain, address, length, (flags & DESC_F_WRITE) != 0);
            if ((flags & DESC_F_NEXT) == 0) return;
            index = next;
        }
    }

    /** Where an indirect table lies. Its descriptor's write flag means nothing: 2.7.5.3.2. */
    private GuestMemoryRegion indirectTable(long address, long length, int flags) {
        if (!indirect) throw broken("an indirect table, which was not negotiated, 2.7.5.3.1");
        if ((flags & DESC_F_NEXT) != 0) throw broken("an indirect table with a next descriptor, 2.7.5.3.1");
        if (length == 0 || length % DESCRIPTOR_SIZE != 0) {
            throw broken("an indirect table of %d bytes, 2.7.5.3".formatted(length));
        }
        if (!memory.contains(address, length)) {
            throw broken("an indirect table at [0x%x, +0x%x), where no memory is".formatted(address, length));
        }
        return memory.regionOf(address, length);
    }

    private void add(DescriptorChain chain, long address, long length, boolean write) {
        GuestBuffer to = write ? chain.writable() : chain.readable();
        if (!write && chain.writable().pieces() > 0) throw broken("a readable buffer after a writable one, 2.7.4.2");
        if (length == 0) return; // no byte of it can be used
        if (!memory.contains(address, length)) {
            throw broken("a buffer at [0x%x, +0x%x), where no memory is".formatted(address, length));
        }
        GuestMemoryRegion region = memory.regionOf(address, length);
        if (write && region.readOnly()) {
            throw broken("a writable buffer at [0x%x, +0x%x) in read-only memory".formatted(address, length));
        }
        to.add(region.segment(), address - region.base(), length);
        if (chain.readable().length() + chain.writable().length() > MOST_BYTES) {
            throw broken("a chain of more than 2^32 bytes, 2.7.5.2");
        }
    }

    private VirtqueueException broken(String what) {
        return new VirtqueueException("queue %d: %s".formatted(number, what));
    }

    /** Whether a chain is in flight here: not one from before a reset. */
    private boolean isMine(DescriptorChain chain) {
        int head = chain.head();
        return running && head >= 0 && head < size && inFlight[head] == chain;
    }

    private void release(DescriptorChain chain) {
        inFlight[chain.head()] = null;
        inFlightCount--;
        chain.end();
        free.push(chain);
    }

    // ---- what the transport does

    /** Whether {@code size} is one that a driver may choose where {@code most} is the most. */
    static boolean isSize(int size, int most) {
        return size >= 1 && size <= most && Integer.bitCount(size) == 1;
    }

    /**
     * Starts the queue where the driver has set it up.
     *
     * @param newPlace as the driver wrote it
     * @param features that were negotiated
     * @throws VirtqueueException if the queue cannot be where it is said to be
     */
    void start(QueuePlace newPlace, long features) {
        stop();
        int newSize = newPlace.size();
        if (!isSize(newSize, maxSize)) {
            throw broken("size %d, not a power of two up to %d, 2.7".formatted(newSize, maxSize));
        }
        long tableSize = (long) DESCRIPTOR_SIZE * newSize;
        descriptors = part("descriptor table", newPlace.descriptors(), tableSize, DESCRIPTORS_ALIGNMENT);
        long availableSize = AVAIL_RING + (long) AVAIL_ENTRY * newSize + EVENT_SIZE;
        available = part("available ring", newPlace.available(), availableSize, AVAILABLE_ALIGNMENT);
        long usedSize = USED_RING + (long) USED_ENTRY * newSize + EVENT_SIZE;
        used = part("used ring", newPlace.used(), usedSize, USED_ALIGNMENT);
        if (memory.regionOf(newPlace.used(), usedSize).readOnly()) throw broken("used ring in read-only memory");
        place = newPlace;
        size = newSize;
        indirect = (features & VirtioFeatures.INDIRECT_DESC) != 0;
        eventIndex = (features & VirtioFeatures.EVENT_IDX) != 0;
        if (inFlight.length != size) {
            inFlight = new DescriptorChain[size];
            heldBack = new int[size];
        }
        running = true;
    }

    private MemorySegment part(String what, long gpa, long bytes, int alignment) {
        if (gpa % alignment != 0) throw broken("%s at 0x%x, not aligned to %d, 2.7".formatted(what, gpa, alignment));
        if (!memory.contains(gpa, bytes)) {
            throw broken("%s at [0x%x, +0x%x), where no memory is".formatted(what, gpa, bytes));
        }
        return memory.slice(gpa, bytes);
    }

    /** Stops the queue; it touches guest memory no more. What is in flight is forgotten. */
    void stop() {
        running = false;
        QueueLease leased = lease;
        lease = null;
        if (leased != null) leased.revoke();
        descriptors = NOWHERE;
        available = NOWHERE;
        used = NOWHERE;
        inFlightCount = 0;
        heldBackCount = 0;
        Arrays.fill(inFlight, null); // these objects are not used again: the device may hold on to them
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
        if (lease != null)
            throw new IllegalStateException("queue %d is leased: its indices are not known".formatted(number));
        ByteBuffer heads = ByteBuffer.allocate(Short.BYTES * (inFlightCount + heldBackCount));
        Arrays.stream(inFlight)
                .filter(Objects::nonNull)
                .sorted(Comparator.comparingInt(chain -> chain.order() - order))
                .forEach(chain -> heads.putShort((short) chain.head()));
        for (int i = heldBackCount - 1; i >= 0; i--) heads.putShort((short) heldBack[i]);
        return new DeviceState(STATE_TYPE, STATE_VERSION)
                .put("nextAvailable", nextAvailable)
                .put("nextUsed", nextUsed)
                .put("publishedUsed", publishedUsed)
                .put("notifiedUsed", notifiedUsed)
                .put("heads", heads.array());
    }

    /** Puts indices back, in a queue that was started anew if it ran; what was in flight is the next to be taken. */
    void restore(DeviceState state) {
        state.require(STATE_TYPE, STATE_VERSION);
        ByteBuffer heads = ByteBuffer.wrap(state.bytes("heads"));
        int count = heads.remaining() / Short.BYTES;
        if (count > heldBack.length) {
            throw new IllegalArgumentException("state of %d chains in flight in a queue of %d".formatted(count, size));
        }
        nextAvailable = state.integer("nextAvailable") & INDEX_MASK;
        knownAvailable = nextAvailable;
        nextUsed = state.integer("nextUsed") & INDEX_MASK;
        publishedUsed = state.integer("publishedUsed") & INDEX_MASK;
        notifiedUsed = state.integer("notifiedUsed") & INDEX_MASK;
        heldBackCount = count;
        for (int i = count - 1; i >= 0; i--) heldBack[i] = Short.toUnsignedInt(heads.getShort());
    }
}
