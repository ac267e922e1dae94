package dev.microvm.devices.virtio.testing;

import dev.microvm.devices.virtio.VirtioFeatures;
import dev.microvm.memory.GuestMemory;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * The driver's half of a split virtqueue, in guest memory, for tests of devices: VIRTIO 1.2,
 * section 2.7. A well-behaved one, but for {@link #descriptor}, {@link #offer} and {@link
 * #availableIndex}, which write what they are told. For one thread.
 */
public final class DriverQueue {
    /** Flag of a descriptor: the one at {@code next} follows. */
    public static final int NEXT = 1;

    /** Flag of a descriptor: the device writes the buffer. */
    public static final int WRITE = 2;

    /** Flag of a descriptor: the buffer is a table of descriptors. */
    public static final int INDIRECT = 4;

    /** One buffer of a chain: guest-physical address, bytes, and who writes it. */
    public record Buffer(long gpa, int length, boolean writable) {
        /** A buffer that the device reads. */
        public static Buffer readable(long gpa, int length) {
            return new Buffer(gpa, length, false);
        }

        /** A buffer that the device writes. */
        public static Buffer writable(long gpa, int length) {
            return new Buffer(gpa, length, true);
        }
    }

    /** What the device gave back: the head of a chain, and how many bytes it wrote. */
    public record Used(int head, long written) {}

    private static final int DESCRIPTOR_SIZE = 16;
    private static final int INDEX_MASK = 0xFFFF;

    private final GuestMemory memory;
    private final int size;
    private final boolean eventIndex;
    private final long descriptors;
    private final long available;
    private final long used;
    private final Deque<Integer> free = new ArrayDeque<>();
    private final Map<Integer, Integer> chainLengths = new HashMap<>();
    private final Map<Integer, Integer> nextOf = new HashMap<>();
    private int availableIndex;
    private int notifiedIndex;
    private int usedIndex;

    /**
     * Makes an empty queue in zeroed memory.
     *
     * @param size entries, a power of two
     * @param descriptors guest-physical address of the descriptor table
     * @param available guest-physical address of the available ring
     * @param used guest-physical address of the used ring
     * @param features that were negotiated
     */
    public DriverQueue(GuestMemory memory, int size, long descriptors, long available, long used, long features) {
        this.memory = memory;
        this.size = size;
        this.descriptors = descriptors;
        this.available = available;
        this.used = used;
        this.eventIndex = (features & VirtioFeatures.EVENT_IDX) != 0;
        for (int i = 0; i < size; i++) free.add(i);
    }

    /** Bytes of the descriptor table, which begins at a multiple of 16. */
    public static int descriptorBytes(int size) {
        return DESCRIPTOR_SIZE * size;
    }

    /** Bytes of the available ring, which begins at a multiple of 2. */
    public static int availableBytes(int size) {
        return 6 + 2 * size;
    }

    /** Bytes of the used ring, which begins at a multiple of 4. */
    public static int usedBytes(int size) {
        return 6 + 8 * size;
    }

    /** Entries. */
    public int size() {
        return size;
    }

    /** Guest-physical address of the descriptor table. */
    public long descriptors() {
        return descriptors;
    }

    /** Guest-physical address of the available ring. */
    public long available() {
        return available;
    }

    /** Guest-physical address of the used ring. */
    public long used() {
        return used;
    }

    // ---- a driver's work

    /** Makes a chain available, the device's to read first, and returns its head. */
    public int add(Buffer... buffers) {
        int head = chain(buffers);
        offer(head);
        return head;
    }

    /** Writes a chain into free descriptors without making it available; returns its head. */
    public int chain(Buffer... buffers) {
        if (buffers.length == 0 || buffers.length > free.size()) {
            throw new IllegalStateException(
                    "%d buffers, %d descriptors are free".formatted(buffers.length, free.size()));
        }
        int head = free.element();
        for (int i = 0; i < buffers.length; i++) {
            int index = free.remove();
            boolean last = i == buffers.length - 1;
            int next = last ? 0 : free.element();
            if (!last) nextOf.put(index, next);
            Buffer buffer = buffers[i];
            descriptor(index, buffer.gpa(), buffer.length(), (buffer.writable() ? WRITE : 0) | (last ? 0 : NEXT), next);
        }
        chainLengths.put(head, buffers.length);
        return head;
    }

    /**
     * Makes a chain available whose descriptors are in a table at {@code table}, and returns its
     * head.
     */
    public int addIndirect(long table, Buffer... buffers) {
        for (int i = 0; i < buffers.length; i++) {
            boolean last = i == buffers.length - 1;
            Buffer buffer = buffers[i];
            int flags = (buffer.writable() ? WRITE : 0) | (last ? 0 : NEXT);
            writeDescriptor(table + (long) DESCRIPTOR_SIZE * i, buffer.gpa(), buffer.length(), flags, last ? 0 : i + 1);
        }
        int head = free.remove();
        descriptor(head, table, DESCRIPTOR_SIZE * buffers.length, INDIRECT, 0);
        chainLengths.put(head, 1);
        offer(head);
        return head;
    }

    /** What the device gave back next, or null; its descriptors are free again. */
    public @Nullable Used poll() {
        if (memory.getShortAcquire(used + 2) == usedIndex) return null;
        long at = used + 4 + 8L * (usedIndex & (size - 1));
        int head = memory.getInt(at);
        long written = Integer.toUnsignedLong(memory.getInt(at + 4));
        usedIndex = (usedIndex + 1) & INDEX_MASK;
        Integer length = chainLengths.remove(head);
        if (length == null) throw new AssertionError("the device gave back " + head + ", which it did not have");
        int index = head;
        for (int left = length; left > 0; left--) {
            free.add(index);
            Integer next = nextOf.remove(index);
            if (next != null) index = next;
        }
        return new Used(head, written);
    }

    /** As {@link #poll}, where there must be something. */
    public Used take() {
        Used next = poll();
        if (next == null) throw new AssertionError("the device gave nothing back");
        return next;
    }

    /** Descriptors that are in no chain. */
    public int freeDescriptors() {
        return free.size();
    }

    /**
     * Whether the device wants to be notified of what was made available since this was last asked:
     * 2.7.10.
     */
    public boolean mustNotify() {
        int before = notifiedIndex;
        notifiedIndex = availableIndex;
        if (!eventIndex) return (memory.getShort(used) & 1) == 0;
        int event = memory.getShort(used + 4 + 8L * size);
        return ((availableIndex - event - 1) & INDEX_MASK) < ((availableIndex - before) & INDEX_MASK);
    }

    /** Asks for interrupts or none, without EVENT_IDX: 2.7.7. */
    public void wantInterrupts(boolean want) {
        memory.putShort(available, want ? 0 : 1);
    }

    /** Asks for an interrupt when the used index passes this one, with EVENT_IDX: 2.7.7. */
    public void wantInterruptAfter(int index) {
        memory.putShort(available + 4 + 2L * size, index);
    }

    /** How many buffers the device has given back so far, modulo 65536. */
    public int usedIndex() {
        return memory.getShortAcquire(used + 2);
    }

    // ---- whatever one likes

    /** Writes a descriptor. */
    public void descriptor(int index, long gpa, int length, int flags, int next) {
        writeDescriptor(descriptors + (long) DESCRIPTOR_SIZE * index, gpa, length, flags, next);
    }

    /** Writes a descriptor anywhere, into an indirect table say. */
    public void writeDescriptor(long at, long gpa, int length, int flags, int next) {
        memory.putLong(at, gpa);
        memory.putInt(at + 8, length);
        memory.putShort(at + 12, flags);
        memory.putShort(at + 14, next);
    }

    /** Makes a head available. */
    public void offer(int head) {
        memory.putShort(available + 4 + 2L * (availableIndex & (size - 1)), head);
        availableIndex(availableIndex + 1);
    }

    /** Sets the available index. */
    public void availableIndex(int index) {
        availableIndex = index & INDEX_MASK;
        memory.putShortRelease(available + 2, availableIndex);
    }

    /** The available index. */
    public int availableIndex() {
        return availableIndex;
    }
}
