package dev.microvm.hypervisor;

/**
 * Exceptions, interrupts and NMIs that are on their way into a vCPU.
 *
 * @param exceptionInjected whether an exception is being delivered
 * @param exceptionPending whether an exception waits to be delivered
 * @param exceptionVector its vector
 * @param exceptionHasErrorCode whether it pushes an error code
 * @param exceptionErrorCode that code
 * @param interruptInjected whether an external interrupt is being delivered
 * @param interruptVector its vector
 * @param softInterrupt whether it came from an INT instruction
 * @param interruptShadow 1 after STI, 2 after MOV SS, as bits
 * @param nmiInjected whether an NMI is being delivered
 * @param nmiPending whether one waits
 * @param nmiMasked whether NMIs are blocked until IRET
 * @param sipiVector of a start-up IPI not yet acted on
 */
public record VcpuEvents(
        boolean exceptionInjected,
        boolean exceptionPending,
        int exceptionVector,
        boolean exceptionHasErrorCode,
        int exceptionErrorCode,
        boolean interruptInjected,
        int interruptVector,
        boolean softInterrupt,
        int interruptShadow,
        boolean nmiInjected,
        boolean nmiPending,
        boolean nmiMasked,
        int sipiVector) {}
