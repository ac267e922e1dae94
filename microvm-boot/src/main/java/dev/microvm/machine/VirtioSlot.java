package dev.microvm.machine;

import dev.microvm.boot.tables.AcpiDevice;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;

/**
 * A virtio device of a machine and its place.
 *
 * @param number of the slot, from 0
 * @param name of the device, as users read it
 * @param version of its registers
 * @param base guest-physical address of its registers
 * @param gsi its global system interrupt
 * @param factory makes the device
 */
public record VirtioSlot(
        int number, String name, VirtioMmio.Version version, long base, int gsi, VirtioDeviceFactory factory) {
    /** Returns the plan of its part. */
    PartPlan part() {
        return PartPlan.named("virtio" + number)
                .at(Place.memory(name, base, VirtioMmio.RANGE))
                .gsi(gsi)
                .acpi(AcpiDevice.virtioMmio(number, base, VirtioMmio.RANGE, gsi));
    }

    /**
     * Returns the kernel parameter that replaces its entry in the DSDT: Linux
     * Documentation/admin-guide/kernel-parameters.txt.
     */
    String kernelParameter() {
        return "virtio_mmio.device=%d@0x%x:%d".formatted(VirtioMmio.RANGE, base, gsi);
    }
}
