package dev.microvm.hypervisor;

/**
 * Says whether a vCPU executes instructions or what it waits for: Intel SDM vol. 3C, 25.4.2 and
 * vol. 3A, 9.4.
 */
public enum ActivityState {
    /** Executes instructions. */
    RUNNING,
    /** Waits for an INIT, as application processors do after power-on. */
    UNINITIALIZED,
    /** Received an INIT and waits for a start-up IPI. */
    INIT_RECEIVED,
    /** Executed HLT and waits for an interrupt. */
    HALTED,
    /** Received a start-up IPI that has not taken effect yet. */
    SIPI_RECEIVED
}
