package dev.microvm.machine;

import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.boot.FirmwareImage;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.lang.foreign.MemorySegment;
import java.util.List;

/** The firmware's memory, which is not part of the RAM, so that it is saved with the devices. */
record Rom(GuestMemoryRegion region) implements Stateful {
    /** The name of its part. */
    static final String PART = "rom";

    private static final int STATE_VERSION = 1;
    private static final String CONTENT = "content";

    /** Returns it as a part, which the hypervisor has on its bus. */
    Part part() {
        return new Part(PartPlan.named(PART), List.of(), this);
    }

    /**
     * Returns the size of a ROM that was saved.
     *
     * @throws IllegalArgumentException if it cannot be one
     */
    static long size(DeviceState state) {
        long size = state.require(PART, STATE_VERSION).bytes(CONTENT).length;
        if (size > 0 && size <= FirmwareImage.MAX_SIZE && size % GuestMemoryRegion.PAGE_SIZE == 0) return size;
        throw new IllegalArgumentException("a ROM of %d bytes".formatted(size));
    }

    @Override
    public DeviceState save() {
        return new DeviceState(PART, STATE_VERSION)
                .put(CONTENT, region.segment().toArray(JAVA_BYTE));
    }

    @Override
    public void restore(DeviceState state) {
        region.segment()
                .copyFrom(
                        MemorySegment.ofArray(state.require(PART, STATE_VERSION).bytes(CONTENT)));
    }
}
