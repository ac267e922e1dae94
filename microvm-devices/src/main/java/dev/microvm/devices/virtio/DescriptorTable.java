package dev.microvm.devices.virtio;

import static java.lang.foreign.ValueLayout.JAVA_INT_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_LONG_UNALIGNED;
import static java.lang.foreign.ValueLayout.JAVA_SHORT_UNALIGNED;

import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteOrder;

/**
 * The descriptors of a split queue, which the driver writes: VIRTIO 1.2, section 2.7.5. It turns
 * the index of a chain's first descriptor into the chain's two buffers, or throws what the driver
 * did wrong. Each word is read once, because the guest may rewrite it at any time.
 */
final class DescriptorTable {
    // struct virtq_desc: section 2.7.5
    static final int DESCRIPTOR_SIZE = 16;
    private static final int ADDRESS = 0; // le64
    private static final int LENGTH = 8; // le32, bytes
    private static final int FLAGS = 12; // le16
    private static final int NEXT = 14; // le16
    private static final int F_NEXT = 1;
    private static final int F_WRITE = 2;
    private static final int F_INDIRECT = 4;

    private static final int ALIGNMENT = 16; // section 2.7
    private static final long MOST_BYTES = 1L << 32; // of a chain: 2.7.5.2

    private static final ValueLayout.OfShort LE_SHORT = JAVA_SHORT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfInt LE_INT = JAVA_INT_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);
    private static final ValueLayout.OfLong LE_LONG = JAVA_LONG_UNALIGNED.withOrder(ByteOrder.LITTLE_ENDIAN);

    private final int queue;
    private final GuestMemory memory;
    private final int size;
    private final boolean indirect;
    private final MemorySegment descriptors;

    /**
     * Checks where the table lies.
     *
     * @param queue number of the queue, for messages
     * @param features that were negotiated
     */
    DescriptorTable(int queue, GuestMemory memory, QueuePlace place, long features) {
        this.queue = queue;
        this.memory = memory;
        this.size = place.size();
        this.indirect = (features & VirtioFeatures.INDIRECT_DESC) != 0;
        this.descriptors = QueueParts.memory(
                queue, memory, "descriptor table", place.descriptors(), (long) DESCRIPTOR_SIZE * size, ALIGNMENT);
    }

    /** Follows a chain from its head, and adds its buffers to it. */
    void walk(DescriptorChain chain) {
        MemorySegment table = descriptors;
        long start = 0;
        int entries = size;
        int index = chain.head();
        int buffers = 0;
        boolean nested = false;
        while (true) {
            if (index >= entries) throw broken("descriptor %d of %d, 2.7.5".formatted(index, entries));
            long at = start + (long) DESCRIPTOR_SIZE * index;
            long address = table.get(LE_LONG, at + ADDRESS);
            long length = Integer.toUnsignedLong(table.get(LE_INT, at + LENGTH));
            int flags = Short.toUnsignedInt(table.get(LE_SHORT, at + FLAGS));
            int next = Short.toUnsignedInt(table.get(LE_SHORT, at + NEXT));
            if ((flags & F_INDIRECT) != 0) {
                if (nested) throw broken("an indirect table in an indirect table, 2.7.5.3.1");
                GuestMemoryRegion region = indirectTable(address, length, flags);
                table = region.segment();
                start = address - region.base();
                entries = (int) (length / DESCRIPTOR_SIZE);
                index = 0;
                nested = true;
                continue;
            }
            if (buffers++ == size) {
                throw broken("a chain of more than %d descriptors, or a loop, 2.7.5.2".formatted(size));
            }
            add(chain, address, length, (flags & F_WRITE) != 0);
            if ((flags & F_NEXT) == 0) return;
            index = next;
        }
    }

    /** Where an indirect table lies. Its descriptor's write flag means nothing: 2.7.5.3.2. */
    private GuestMemoryRegion indirectTable(long address, long length, int flags) {
        if (!indirect) throw broken("an indirect table, which was not negotiated, 2.7.5.3.1");
        if ((flags & F_NEXT) != 0) throw broken("an indirect table with a next descriptor, 2.7.5.3.1");
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
        return new VirtqueueException(queue, what);
    }
}
