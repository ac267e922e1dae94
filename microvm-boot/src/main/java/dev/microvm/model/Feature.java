package dev.microvm.model;

/**
 * Whether a machine has a part. {@link #AUTO} lets the machine decide; {@code MicroVm.describe}
 * says why.
 */
public enum Feature {
    /** The machine has the part. */
    ON,
    /** The machine does not have the part, and tells the guest so. */
    OFF,
    /** The usual choice, see each option. */
    AUTO
}
