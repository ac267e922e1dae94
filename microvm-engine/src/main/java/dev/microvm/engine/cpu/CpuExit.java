package dev.microvm.engine.cpu;

/** Why {@link CpuLoop#run} returned. */
public enum CpuExit {
    /** {@link CpuLoop#leave} was called. */
    LEFT,
    /** HLT, and nothing to wake it yet. */
    HALTED,
    /** It can take an interrupt, as {@link CpuLoop#interruptWindow} asked. */
    INTERRUPT_WINDOW,
    /** A breakpoint or single step of a debugger on the host. */
    DEBUG,
    /** A fault while a double fault was delivered. */
    SHUTDOWN
}
