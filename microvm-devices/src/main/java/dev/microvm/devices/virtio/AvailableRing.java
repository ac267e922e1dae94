package dev.microvm.devices.virtio;

import static java.lang.foreign.ValueLayout.JAVA_SHORT;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.microvm.memory.GuestMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * The ring by which a driver makes chains available, and says whether it wants interrupts: VIRTIO
 * 1.2, sections 2.7.6 and 2.7.7. The driver writes it, the device reads it. Indices count modulo
 * 65536; which of them are new the {@link Virtqueue} knows.
 */
final class AvailableRing {
    // struct virtq_avail: section 2.7.6
    private static final int FLAGS = 0; // le16
    private static final int INDEX = 2; // le16
    private static final int RING = 4; // le16 each, then used_event, le16
    private static final int ENTRY_SIZE = 2;
    private static final int EVENT_SIZE = 2;
    private static final int F_NO_INTERRUPT = 1;

    private static final int ALIGNMENT = 2; // section 2.7
    private static final int INDEX_MASK = 0xFFFF;

    private static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final VarHandle ALIGNED_SHORT =
            JAVA_SHORT.withOrder(ByteOrder.LITTLE_ENDIAN).varHandle();

    private final MemorySegment ring;
    private final int slotMask;
    private final long usedEvent; // offset
    private final boolean eventIndex;

    /**
     * Checks where the ring lies.
     *
     * @param queue number of the queue, for messages
     * @param features that were negotiated
     */
    AvailableRing(int queue, GuestMemory memory, QueuePlace place, long features) {
        slotMask = place.size() - 1;
        usedEvent = RING + (long) ENTRY_SIZE * place.size();
        eventIndex = (features & VirtioFeatures.EVENT_IDX) != 0;
        ring = QueueParts.memory(queue, memory, "available ring", place.available(), usedEvent + EVENT_SIZE, ALIGNMENT);
    }

    /** The index behind the newest entry; what the driver wrote before it is visible. */
    int index() {
        return Short.toUnsignedInt((short) ALIGNED_SHORT.getAcquire(ring, (long) INDEX));
    }

    /** The head of the chain at an index, as the driver wrote it. */
    int head(int index) {
        return Short.toUnsignedInt(ring.get(LE_SHORT, RING + (long) ENTRY_SIZE * (index & slotMask)));
    }

    /**
     * Whether the driver wants an interrupt for the used entries {@code [before, now)}: all or none
     * by its flag, or, with EVENT_IDX, if the one at used_event is among them (2.7.7.2).
     */
    boolean wantsInterrupt(int before, int now) {
        if (!eventIndex) return (ring.get(LE_SHORT, FLAGS) & F_NO_INTERRUPT) == 0;
        int event = Short.toUnsignedInt(ring.get(LE_SHORT, usedEvent));
        return ((now - event - 1) & INDEX_MASK) < ((now - before) & INDEX_MASK);
    }
}
