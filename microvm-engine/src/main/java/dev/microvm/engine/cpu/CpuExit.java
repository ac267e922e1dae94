package dev.microvm.engine.cpu;

/** Why {@link Cpu#run} returned. */
public enum CpuExit {
    /** {@link Cpu#leave} was called. */
    LEFT,
    /** HLT, and nothing to wake it yet. */
    HALTED,
    /** It can take an interrupt, as {@link Cpu#interruptWindow} asked. */
    INTERRUPT_WINDOW,
    /** A breakpoint or single step of a debugger's on the host. */
    DEBUG,
    /** A fault while a double fault was delivered. */
    SHUTDOWN
}
