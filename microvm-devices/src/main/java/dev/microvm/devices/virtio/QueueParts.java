package dev.microvm.devices.virtio;

import dev.microvm.memory.GuestMemory;
import java.lang.foreign.MemorySegment;

/** The three parts of a split queue, where a driver has put them: VIRTIO 1.2, section 2.7. */
record QueueParts(QueuePlace place, DescriptorTable descriptors, AvailableRing available, UsedRing used) {
    /**
     * Checks where the parts are.
     *
     * @param queue number of the queue, for messages
     * @param features that were negotiated
     * @throws VirtqueueException if one cannot be where it is said to be
     */
    static QueueParts at(QueuePlace place, int queue, GuestMemory memory, long features) {
        return new QueueParts(
                place,
                new DescriptorTable(queue, memory, place, features),
                new AvailableRing(queue, memory, place, features),
                new UsedRing(queue, memory, place, features));
    }

    /** The memory of one part. */
    static MemorySegment memory(int queue, GuestMemory memory, String part, long gpa, long bytes, int alignment) {
        if (gpa % alignment != 0) {
            throw new VirtqueueException(queue, "%s at 0x%x, not aligned to %d, 2.7".formatted(part, gpa, alignment));
        }
        if (!memory.contains(gpa, bytes)) {
            throw new VirtqueueException(queue, "%s at [0x%x, +0x%x), where no memory is".formatted(part, gpa, bytes));
        }
        return memory.slice(gpa, bytes);
    }
}
