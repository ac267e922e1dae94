package dev.microvm.hypervisor;

/**
 * What a running vCPU asks of its machine. Called on the vCPU's thread, in the middle of {@link Vcpu#run}; values travel
 * as {@code long}s, so no exit makes an object. An exception thrown here ends {@code run}.
 */
public interface ExitHandler {
    /** The guest reads {@code size} bytes (1, 2 or 4) from a port; the value is in the result's low bytes. */
    long portIn(int port, int size);

    /** The guest writes {@code size} bytes (1, 2 or 4) to a port. */
    void portOut(int port, int size, long value);

    /** The guest reads {@code size} bytes (1 to 8) from an address with no memory behind it. */
    long mmioRead(long gpa, int size);

    /** The guest writes {@code size} bytes (1 to 8) to an address with no memory behind it. */
    void mmioWrite(long gpa, int size, long value);

    /** A local APIC ended a level-triggered interrupt that a user-space IOAPIC raised: Intel SDM vol. 3A, 11.8.5. */
    void endOfInterrupt(int vector);
}
