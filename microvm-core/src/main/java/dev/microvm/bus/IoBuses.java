package dev.microvm.bus;

import dev.microvm.hypervisor.ExitHandler;
import java.util.Objects;
import java.util.function.IntConsumer;

/**
 * Routes vCPU exits to the two buses of a PC, ports and memory-mapped registers. Any thread may
 * call.
 */
public final class IoBuses implements ExitHandler {
    private final Bus ports = new Bus("port");
    private final Bus mmio = new Bus("MMIO");
    private volatile IntConsumer endOfInterrupt = vector -> {};

    /** Makes two empty buses. */
    public IoBuses() {}

    /** Returns the port bus: addresses 0 to 0xffff. */
    public Bus ports() {
        return ports;
    }

    /** Returns the bus of memory-mapped registers: guest-physical addresses. */
    public Bus mmio() {
        return mmio;
    }

    /**
     * Sets the user-space IOAPIC: it is called with the vector when a level-triggered interrupt
     * ends.
     */
    public void onEndOfInterrupt(IntConsumer ioApic) {
        endOfInterrupt = Objects.requireNonNull(ioApic, "ioApic");
    }

    @Override
    public long portIn(int port, int size) {
        return ports.read(port, size);
    }

    @Override
    public void portOut(int port, int size, long value) {
        ports.write(port, size, value);
    }

    @Override
    public long mmioRead(long gpa, int size) {
        return mmio.read(gpa, size);
    }

    @Override
    public void mmioWrite(long gpa, int size, long value) {
        mmio.write(gpa, size, value);
    }

    @Override
    public void endOfInterrupt(int vector) {
        endOfInterrupt.accept(vector);
    }
}
