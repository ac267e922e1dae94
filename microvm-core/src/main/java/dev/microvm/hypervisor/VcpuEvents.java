package dev.microvm.hypervisor;

/**
 * Exceptions, interrupts and NMIs that a vCPU has not finished delivering: Linux
 * Documentation/virt/kvm/api.rst, KVM_GET_VCPU_EVENTS.
 *
 * @param exceptionInjected whether an exception is being delivered
 * @param exceptionPending whether an exception waits to be delivered
 * @param exceptionVector vector of the exception, 0 to 31
 * @param exceptionHasErrorCode whether the exception pushes an error code
 * @param exceptionErrorCode the error code
 * @param interruptInjected whether an external interrupt is being delivered
 * @param interruptVector vector of the interrupt, 0 to 255
 * @param softInterrupt whether the interrupt came from an INT instruction
 * @param interruptShadow bit mask: 1 after STI, 2 after MOV SS
 * @param nmiInjected whether an NMI is being delivered
 * @param nmiPending whether an NMI waits to be delivered
 * @param nmiMasked whether NMIs are blocked until IRET
 * @param sipiVector vector of a start-up IPI that has not taken effect yet
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
