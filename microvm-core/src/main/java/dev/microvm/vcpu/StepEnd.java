package dev.microvm.vcpu;

/** How a single step of a paused vCPU ended: {@link VcpuThreads#step}. */
public enum StepEnd {
    /** One instruction ran, or the vCPU began to handle an exception or a pending interrupt. */
    STEPPED,

    /** The instruction was HLT: the vCPU now waits for an interrupt. */
    HALTED,

    /**
     * Nothing ran: the vCPU has halted or waits for a start-up IPI. What would wake it cannot come,
     * because devices, timers and the other vCPUs stand still during the pause.
     */
    WAITING,

    /** A triple fault, which ends the guest or resets it. */
    SHUTDOWN
}
