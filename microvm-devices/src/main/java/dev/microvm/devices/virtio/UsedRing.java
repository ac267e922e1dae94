package dev.microvm.devices.virtio;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.microvm.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The ring by which a device gives chains back, and says whether it wants notifications: VIRTIO
 * 1.2, sections 2.7.8 and 2.7.10. The device writes it, the driver reads it. Indices count modulo
 * 65536.
 */
final class UsedRing {
    // struct virtq_used: section 2.7.8
    private static final int FLAGS = 0; // le16
    private static final int INDEX = 2; // le16
    private static final int RING = 4; // struct virtq_used_elem each, then avail_event, le16
    private static final int ENTRY_SIZE = 8;
    private static final int ENTRY_ID = 0; // le32
    private static final int ENTRY_LENGTH = 4; // le32
    private static final int EVENT_SIZE = 2;
    private static final int F_NO_NOTIFY = 1;

    private static final int ALIGNMENT = 4; // section 2.7

    private static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ALIGNED_SHORT =
            JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final MemorySegment ring;
    private final int slotMask;
    private final long availEvent; // offset
    private final boolean eventIndex;

    /**
     * Checks where the ring lies.
     *
     * @param queue number of the queue, for messages
     * @param features that were negotiated
     */
    UsedRing(int queue, GuestMemory memory, QueuePlace place, long features) {
        slotMask = place.size() - 1;
        availEvent = RING + (long) ENTRY_SIZE * place.size();
        eventIndex = (features & VirtioFeatures.EVENT_IDX) != 0;
        long bytes = availEvent + EVENT_SIZE;
        ring = QueueParts.memory(queue, memory, "used ring", place.used(), bytes, ALIGNMENT);
        if (memory.regionOf(place.used(), bytes).readOnly()) {
            throw new VirtqueueException(queue, "used ring in read-only memory");
        }
    }

    /** Fills the entry at an index, which the driver does not look at before {@link #publish}. */
    void put(int index, int head, long written) {
        long at = RING + (long) ENTRY_SIZE * (index & slotMask);
        ring.set(LE_INT, at + ENTRY_ID, head);
        ring.set(LE_INT, at + ENTRY_LENGTH, (int) written);
    }

    /** Lets the driver see all entries before an index: 2.7.8.2. */
    void publish(int index) {
        ALIGNED_SHORT.setRelease(ring, (long) INDEX, (short) index);
    }

    /** The index behind the newest entry that the driver sees. */
    int index() {
        return Short.toUnsignedInt((short) ALIGNED_SHORT.getAcquire(ring, (long) INDEX));
    }

    /**
     * Tells the driver that it need not notify. With EVENT_IDX, an avail_event that stays behind
     * says it already: 2.7.10.
     */
    void suppressNotifications() {
        if (!eventIndex) ring.set(LE_SHORT, FLAGS, (short) F_NO_NOTIFY);
    }

    /** Tells the driver to notify when it fills the available entry at an index, or any. */
    void wantNotification(int availableIndex) {
        if (eventIndex) ring.set(LE_SHORT, availEvent, (short) availableIndex);
        else ring.set(LE_SHORT, FLAGS, (short) 0);
    }
}
