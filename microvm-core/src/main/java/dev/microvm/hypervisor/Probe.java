package dev.microvm.hypervisor;

/**
 * What a {@link Hypervisor} found out about itself on this host.
 *
 * @param support how much it can run
 * @param reason why it cannot run everything, in words; empty when it can
 * @param remedy what the user can do about it; empty when there is nothing to do
 */
public record Probe(Support support, String reason, String remedy) {
    /** How much a hypervisor can run. */
    public enum Support {
        /** Any guest, unmodified kernels among them. */
        FULL,
        /** Small guests of plain integer code, but no ordinary kernel. */
        LIMITED,
        /** Nothing. */
        NONE
    }

    /** The probe of a hypervisor that runs everything. */
    public static Probe full() {
        return new Probe(Support.FULL, "", "");
    }

    /** Whether a virtual machine can be made at all. */
    public boolean usable() {
        return support != Support.NONE;
    }

    /** Whether an unmodified kernel runs. */
    public boolean runsKernels() {
        return support == Support.FULL;
    }

    /** Reason and remedy as one line. */
    public String explanation() {
        return remedy.isEmpty() ? reason : reason + "; " + remedy;
    }
}
