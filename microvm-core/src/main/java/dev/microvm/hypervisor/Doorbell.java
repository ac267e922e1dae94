package dev.microvm.hypervisor;

import java.util.Objects;
import java.util.OptionalLong;

/**
 * A guest write whose only effect is to wake a device.
 *
 * @param port whether {@code address} is a port; otherwise it is guest-physical
 * @param address port or guest-physical address of the write
 * @param size size of the write in bytes: 1, 2, 4 or 8
 * @param match the value that rings; any value if empty
 */
public record Doorbell(boolean port, long address, int size, OptionalLong match) {
    /** Checks that no component is null. */
    public Doorbell {
        Objects.requireNonNull(match, "match");
    }

    /** Returns a doorbell at a guest-physical address that rings for one value. */
    public static Doorbell mmio(long address, int size, long match) {
        return new Doorbell(false, address, size, OptionalLong.of(match));
    }

    /** Returns a doorbell at a port that rings for any value. */
    public static Doorbell port(int port, int size) {
        return new Doorbell(true, port, size, OptionalLong.empty());
    }
}
