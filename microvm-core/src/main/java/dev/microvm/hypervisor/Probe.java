package dev.microvm.hypervisor;

import java.util.Objects;

/**
 * The result of {@link Hypervisor#probe}: what a hypervisor can run on this host.
 *
 * @param support how much it can run
 * @param reason why it cannot run everything; empty if it can
 * @param remedy what the user can do about that; empty if nothing
 */
public record Probe(Support support, String reason, String remedy) {
    /** Checks that no component is null. */
    public Probe {
        Objects.requireNonNull(support, "support");
        Objects.requireNonNull(reason, "reason");
        Objects.requireNonNull(remedy, "remedy");
    }

    /** How much a hypervisor can run. */
    public enum Support {
        /** Any guest, unmodified kernels among them. */
        FULL,
        /** Small guests of plain integer code, but no ordinary kernel. */
        LIMITED,
        /** No guest. */
        NONE
    }

    /** Returns the result of a hypervisor that runs every guest. */
    public static Probe full() {
        return new Probe(Support.FULL, "", "");
    }

    /** Returns whether a virtual machine can be created at all. */
    public boolean usable() {
        return support != Support.NONE;
    }

    /** Returns whether unmodified kernels run. */
    public boolean runsKernels() {
        return support == Support.FULL;
    }

    /** Returns reason and remedy as one line; empty if there is no reason. */
    public String explanation() {
        return remedy.isEmpty() ? reason : reason + "; " + remedy;
    }
}
