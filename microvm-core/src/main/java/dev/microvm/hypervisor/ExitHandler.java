package dev.microvm.hypervisor;

/**
 * Serves the exits of a running vCPU. Called on the vCPU's thread during {@link Vcpu#run}. Values
 * are {@code long}s, so that an exit allocates nothing. {@code run} throws the exceptions that a
 * method here throws.
 */
public interface ExitHandler {
    /** Reads {@code size} bytes (1, 2 or 4) from a port; returns the value in the low bytes. */
    long portIn(int port, int size);

    /** Writes {@code size} bytes (1, 2 or 4) to a port. */
    void portOut(int port, int size, long value);

    /**
     * Reads {@code size} bytes (1 to 8) from a guest-physical address without memory; returns the
     * value in the low bytes.
     */
    long mmioRead(long gpa, int size);

    /** Writes {@code size} bytes (1 to 8) to a guest-physical address without memory. */
    void mmioWrite(long gpa, int size, long value);

    /**
     * Reports that a local APIC ended a level-triggered interrupt of a user-space IOAPIC, by its
     * vector: Intel SDM vol. 3A, 11.8.5.
     */
    void endOfInterrupt(int vector);
}
