package dev.microvm.model;

/**
 * A device that is code, at I/O ports or memory addresses: a description keeps its place and its name.
 *
 * @param name what a user reads of it
 * @param port whether {@code base} is an I/O port; otherwise it is guest-physical
 * @param base first port or address
 * @param size how many ports or bytes
 */
public record BusDeviceSpec(String name, boolean port, long base, long size) {
    /** The option that asked for it, for messages. */
    public String option() {
        return "%sDevice \"%s\"".formatted(port ? "port" : "mmio", name);
    }
}
