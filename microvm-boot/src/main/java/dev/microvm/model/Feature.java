package dev.microvm.model;

/** Whether a machine has a part; {@link #AUTO} leaves it to the machine, which says in {@code MicroVm.describe} why. */
public enum Feature {
    /** It has the part. */
    ON,
    /** It does not, and tells the guest so. */
    OFF,
    /** What usually is best. */
    AUTO
}
