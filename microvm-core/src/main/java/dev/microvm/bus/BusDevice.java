package dev.microvm.bus;

/**
 * A device as its bus sees it: registers at offsets.
 *
 * <p>This is the interface to write a device of your own: everything else it needs (interrupt line, clock, back end) is
 * handed to its constructor. Several vCPU threads may call at the same time, so a device guards its own state. A
 * guest's mistake is ignored and counted, never thrown.
 */
public interface BusDevice {
    /**
     * Reads a register.
     *
     * @param offset bytes from the start of the device's range; {@code [offset, offset + size)} lies inside it
     * @param size bytes: 1, 2, 4 or 8
     * @return the value in the low {@code size} bytes; higher bytes are ignored
     */
    long read(long offset, int size);

    /**
     * Writes a register.
     *
     * @param offset bytes from the start of the device's range; {@code [offset, offset + size)} lies inside it
     * @param size bytes: 1, 2, 4 or 8
     * @param value in the low {@code size} bytes; higher bytes are zero
     */
    void write(long offset, int size, long value);
}
