package dev.microvm.hypervisor;

/** An optional ability of a virtual machine: see {@link VirtualMachine#supports}. */
public enum Capability {
    /** A programmable interval timer inside the hypervisor, in {@link InterruptMode#KERNEL}. */
    KERNEL_PIT,
    /** Memory that the guest can read but not write. */
    READ_ONLY_MEMORY,
    /** Guest writes that wake a device without a vCPU exit: see {@link VirtualMachine#doorbell}. */
    DOORBELL,
    /** The local APIC timer's TSC-deadline mode: Intel SDM vol. 3A, 11.5.4.1. */
    TSC_DEADLINE,
    /** A paravirtual clock that needs no calibration. */
    PARAVIRTUAL_CLOCK,
    /**
     * Time that advances with executed instructions, so that runs can be repeated:
     * {@link dev.microvm.clock.GuestClock}.
     */
    INSTRUCTION_CLOCK,
    /** Breakpoints and single-stepping set by the host. */
    GUEST_DEBUG
}
