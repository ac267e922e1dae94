package dev.microvm.hypervisor;

/**
 * Thrown if a vCPU cannot continue: the hypervisor could not enter the guest or could not emulate
 * an instruction. The message holds the reason, the registers and the bytes at the instruction
 * pointer.
 */
public final class VcpuFailedException extends HypervisorException {
    private static final long serialVersionUID = 1L;

    /** Makes the exception; {@code message} holds reason, registers and instruction bytes. */
    public VcpuFailedException(String message) {
        super(message);
    }
}
