package dev.microvm.hypervisor;

/**
 * Thrown if a vCPU cannot continue: the hypervisor could not enter the guest or could not emulate
 * an instruction. The message holds the reason, the registers and the bytes at the instruction
 * pointer.
 */
public final class VcpuFailedException extends HypervisorException {
    private static final long serialVersionUID = 1L;

    private final boolean byGuest;

    /**
     * Makes the exception.
     *
     * @param message reason, registers and instruction bytes
     * @param byGuest whether the guest brought itself there, by running code where there is no
     *     memory
     */
    public VcpuFailedException(String message, boolean byGuest) {
        super(message);
        this.byGuest = byGuest;
    }

    /** Whether the guest brought itself there, by running code where there is no memory. */
    public boolean byGuest() {
        return byGuest;
    }
}
