package dev.microvm.bus;

/**
 * A device as its bus sees it: registers at byte offsets.
 *
 * <p>Implement this interface to write your own device. Pass everything else that the device needs
 * (interrupt line, clock, back end) to its constructor. Several vCPU threads may call at the same
 * time, so a device guards its own state. A device ignores and counts guest errors; it never throws
 * for them.
 */
public interface BusDevice {
    /**
     * Reads a register.
     *
     * @param offset bytes from the start of the device's range; {@code [offset, offset + size)}
     *     lies inside it
     * @param size bytes: 1, 2, 4 or 8
     * @return the value in the low {@code size} bytes; higher bytes are ignored
     */
    long read(long offset, int size);

    /**
     * Writes a register.
     *
     * @param offset bytes from the start of the device's range; {@code [offset, offset + size)}
     *     lies inside it
     * @param size bytes: 1, 2, 4 or 8
     * @param value in the low {@code size} bytes; higher bytes are zero
     */
    void write(long offset, int size, long value);
}
