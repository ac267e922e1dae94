package dev.microvm.machine;

import dev.microvm.bus.Bus;
import dev.microvm.bus.IoBuses;
import dev.microvm.model.BusDeviceSpec;

/**
 * A range {@code [base, base + size)} of a bus, and its device.
 *
 * @param port whether it is at I/O ports; otherwise it is at guest-physical addresses
 * @param title the device, as users read it
 */
public record Place(boolean port, String title, long base, long size) {
    /** A range of I/O ports. */
    static Place ports(String title, int base, int size) {
        return new Place(true, title, base, size);
    }

    /** A range of guest-physical addresses. */
    static Place memory(String title, long base, long size) {
        return new Place(false, title, base, size);
    }

    /** The range of a user's own device. */
    static Place of(BusDeviceSpec device) {
        return new Place(device.port(), device.name(), device.base(), device.size());
    }

    long end() {
        return base + size;
    }

    /** Returns the bus that it is on. */
    Bus on(IoBuses buses) {
        return port ? buses.ports() : buses.mmio();
    }

    boolean overlaps(Place other) {
        return port == other.port && base < other.end() && other.base < end();
    }

    @Override
    public String toString() {
        return "%s at [0x%x, +0x%x)".formatted(title, base, size);
    }
}
