package dev.microvm.machine;

import dev.microvm.devices.virtio.VirtioMmio;

/**
 * Where the virtio devices of a machine are, and their interrupts: as in QEMU's {@code microvm}
 * machine (docs/system/i386/microvm.rst, include/hw/i386/microvm.h). {@link PcPart} says it of the
 * other parts.
 */
public final class PcLayout {
    /** How many virtio devices there can be: QEMU's microvm has as many. */
    public static final int VIRTIO_SLOTS = 8;

    /** The same with a second IOAPIC: QEMU's with {@code ioapic2}. */
    public static final int MOST_VIRTIO_SLOTS = 24;

    /** Global system interrupt of the first pin of a second IOAPIC. */
    static final int SECOND_IOAPIC_GSI = 24;

    private static final long VIRTIO_BASE = 0xFEB0_0000L;
    private static final int VIRTIO_FIRST_GSI = 16; // with ACPI: no ISA device has it

    /**
     * Without ACPI the ISA interrupts from 5 on, as in QEMU's documentation, but not those of the
     * real-time clock (8) and of the coprocessor (13): edge-triggered interrupts are not shared.
     */
    private static final int[] VIRTIO_ISA_GSIS = {5, 6, 7, 9, 10, 11, 12, 14};

    private PcLayout() {}

    /**
     * Guest-physical address of the registers of a virtio device, {@link VirtioMmio#RANGE} bytes.
     */
    public static long virtioBase(int slot) {
        return VIRTIO_BASE + (long) VirtioMmio.RANGE * slot;
    }

    /**
     * Global system interrupt of a virtio device, edge-triggered.
     *
     * @param devices how many the machine has
     */
    public static int virtioGsi(int slot, int devices, boolean acpi) {
        if (needsSecondIoApic(devices)) return SECOND_IOAPIC_GSI + slot;
        return acpi ? VIRTIO_FIRST_GSI + slot : VIRTIO_ISA_GSIS[slot];
    }

    /**
     * Whether a machine with so many virtio devices has a second IOAPIC, for the interrupts of all
     * of them.
     */
    static boolean needsSecondIoApic(int virtioDevices) {
        return virtioDevices > VIRTIO_SLOTS;
    }
}
