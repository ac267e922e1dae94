package dev.microvm.engine.cpu;

import dev.microvm.hypervisor.ExitHandler;

/** What is around a CPU: interrupts, time, I/O. Called on the CPU's thread. */
public interface Platform extends ExitHandler {
    /** Whether an external interrupt waits that the task priority lets through. */
    boolean interruptPending();

    /** Takes the interrupt; -1 if it is gone after all. */
    int acknowledgeInterrupt();

    /** Whether interrupts of an 8259 reach the CPU. */
    boolean acceptsExternal();

    /** Whether there is a local APIC, and IA32_APIC_BASE enables it. */
    boolean apicEnabled();

    /**
     * Sends an interrupt to the processors that a bitmap names.
     *
     * @param firstId APIC ID of its bit 0
     * @param command delivery mode, vector and trigger mode, as in an interrupt command
     * @return how many processors took it
     */
    int sendInterrupt(long bitmap, long firstId, int command);

    /** The time-stamp counter. */
    long timeStamp();

    /** Sets the time-stamp counter. */
    void timeStamp(long value);

    /** A number that nobody can predict: RDRAND and RDSEED. */
    long randomNumber();

    /** Whether the machine has more than one CPU, so that others may write code. */
    boolean hasOtherCpus();

    /**
     * Stops the other CPUs, so that several accesses to memory are one to them, until {@link
     * #endExclusive}.
     */
    void beginExclusive();

    /** Lets the other CPUs continue. */
    void endExclusive();

    /** Waits while another CPU is alone; between two instructions. */
    void giveWay();

    /** CR8: Intel SDM vol. 3A, 11.8.6. */
    int taskPriority();

    /** Sets CR8; 0 to 15. */
    void taskPriority(int priority);

    /** Whether an MSR belongs to the platform: the local APIC's, time. */
    boolean ownsMsr(int index);

    /** Reads an MSR of the platform; {@link Cpu#fault} if that is an error. */
    long readMsr(int index);

    /** Writes an MSR of the platform. */
    void writeMsr(int index, long value);
}
