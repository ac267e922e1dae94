package dev.microvm.hypervisor;

/** Whether a vCPU executes instructions, and if not, what it waits for: Intel SDM vol. 3C, 25.4.2 and vol. 3A, 9.4. */
public enum ActivityState {
    /** It executes. */
    RUNNING,
    /** It waits for an INIT, as application processors do after power-on. */
    UNINITIALIZED,
    /** It had an INIT and waits for a start-up IPI. */
    INIT_RECEIVED,
    /** It executed HLT and waits for an interrupt. */
    HALTED,
    /** It had a start-up IPI that is not yet acted on. */
    SIPI_RECEIVED
}
