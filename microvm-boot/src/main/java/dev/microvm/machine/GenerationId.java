package dev.microvm.machine;

import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.state.DeviceState;
import dev.microvm.state.Stateful;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.security.SecureRandom;
import java.util.List;

/**
 * The VM generation ID: 16 bytes of memory that change when a machine continues from a snapshot or a
 * fork, so that the guest does not use random numbers that its copies use too. The ACPI tables tell
 * its address, and an ACPI event that it has changed.
 *
 * <p>Source: Microsoft, "Virtual Machine Generation ID" (2012); QEMU docs/specs/vmgenid.rst. Linux has
 * drivers/virt/vmgenid.c. Not emulated: a place for it in memory that firmware gives.
 */
final class GenerationId implements Stateful {
    static final String PART = "vm-generation";
    private static final int STATE_VERSION = 1;
    private static final String ID = "id";
    private static final int SIZE = 16;
    private static final SecureRandom RANDOM = new SecureRandom();

    private final MemorySegment page;
    private final boolean repeatable;
    private final Runnable changed;

    /**
     * Makes one with an id that no other machine has.
     *
     * @param page which starts with it, and is the guest's to read
     * @param repeatable whether the id is the same in each run, and in machines that continue one:
     *     for instruction clocks
     * @param changed tells the guest
     */
    GenerationId(GuestMemoryRegion page, boolean repeatable, Runnable changed) {
        this.page = page.segment();
        this.repeatable = repeatable;
        this.changed = changed;
        renew();
    }

    /** Returns it as a part; its memory is not on the machine's buses. */
    Part part() {
        return new Part(PartPlan.named(PART), List.of(), this);
    }

    private void renew() {
        byte[] id = new byte[SIZE];
        if (!repeatable) RANDOM.nextBytes(id);
        write(id);
    }

    private void write(byte[] id) {
        MemorySegment.copy(id, 0, page, ValueLayout.JAVA_BYTE, 0, SIZE);
    }

    @Override
    public DeviceState save() {
        return new DeviceState(PART, STATE_VERSION)
                .put(ID, page.asSlice(0, SIZE).toArray(ValueLayout.JAVA_BYTE));
    }

    /** Gives the machine an id of its own, and tells the guest; a repeatable one gets the saved id. */
    @Override
    public void restore(DeviceState state) {
        byte[] saved = state.require(PART, STATE_VERSION).bytes(ID);
        if (saved.length != SIZE) throw new IllegalArgumentException("an id of %d bytes".formatted(saved.length));
        if (repeatable) {
            write(saved);
        } else {
            renew();
            changed.run();
        }
    }
}
