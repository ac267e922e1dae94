package dev.microvm.model;

import java.util.Objects;

/**
 * A user's own device at I/O ports or memory addresses. A description holds its place and its name,
 * but not its code.
 *
 * @param name of the device, as users read it
 * @param port whether {@code base} is an I/O port; otherwise it is guest-physical
 * @param base first port or address
 * @param size number of ports or bytes
 */
public record BusDeviceSpec(String name, boolean port, long base, long size) {
    /** Refuses null. */
    public BusDeviceSpec {
        Objects.requireNonNull(name, "name");
    }

    /** Returns the option that added it, for messages. */
    public String option() {
        return "%sDevice \"%s\"".formatted(port ? "port" : "mmio", name);
    }
}
