package dev.microvm.devices.virtio;

import dev.microvm.event.EventLoop;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.util.Optional;

/**
 * What a {@link VirtioDevice} is handed when it is made, and keeps: its queues, its memory, and the
 * loop it runs on.
 */
public interface VirtioTransport {
    /**
     * Gives the device its next queue; only while it is made.
     *
     * @param size the most entries that the driver may choose: a power of two, 1 to 32768 (section
     *     2.7)
     * @return the queue, number 0 for the first; the same object across resets, and empty while the
     *     driver is not ready
     */
    Virtqueue addQueue(int size);

    /**
     * Gives the device a shared memory region, which it and the driver access as they agree
     * (section 2.10); only while it is made. What is in the region is not part of the transport's
     * state.
     *
     * @param id by which the driver finds it: 0 to 255, as the kind of device says
     * @param size bytes, a multiple of 4 KiB
     * @return where it is, with the host's memory behind it; empty if the machine has no place for
     *     it
     */
    Optional<GuestMemoryRegion> addSharedMemory(int id, long size);

    /** The guest's memory. Buffers of queues are checked already. */
    GuestMemory memory();

    /**
     * The machine's I/O loop, as the device may use it: what it runs for the device never runs at
     * the same time as anything else of the device, and an exception ends the device, not the loop.
     * It must not be closed.
     */
    EventLoop loop();

    /**
     * Whether the machine waits for the device to stand still. Work that takes long asks this now
     * and then, stops where it can, and continues after {@link VirtioDevice#resume}. Any thread may
     * call.
     */
    boolean pausing();

    /**
     * Tells the driver that the configuration space has changed by itself: section 2.5. Call it
     * after the change, from a method or a task of the device.
     */
    void configChanged();
}
