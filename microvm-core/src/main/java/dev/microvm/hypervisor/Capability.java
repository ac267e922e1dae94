package dev.microvm.hypervisor;

/** What a virtual machine may or may not be able to do; asked by {@link VirtualMachine#supports}. */
public enum Capability {
    /** A programmable interval timer of the hypervisor's own, in {@link InterruptMode#KERNEL}. */
    KERNEL_PIT,
    /** Memory that the guest can read but not write. */
    READ_ONLY_MEMORY,
    /** Writes that wake a device without leaving the guest: see {@link VirtualMachine#doorbell}. */
    DOORBELL,
    /** The local APIC timer's TSC-deadline mode: Intel SDM vol. 3A, 11.5.4.1. */
    TSC_DEADLINE,
    /** A paravirtual clock that needs no calibration. */
    PARAVIRTUAL_CLOCK,
    /** Time that passes by executed instructions, so that runs can be repeated: {@link dev.microvm.clock.GuestClock}. */
    INSTRUCTION_CLOCK,
    /** Breakpoints and single-stepping set by the host. */
    GUEST_DEBUG
}
