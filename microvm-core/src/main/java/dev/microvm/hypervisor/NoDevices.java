package dev.microvm.hypervisor;

/**
 * The exits of a machine without devices: reads return ones, as a bus does on which nobody drives
 * the lines, and writes are lost. What extends it says what there is after all.
 */
public interface NoDevices extends ExitHandler {
    /** Nothing but that. */
    ExitHandler HANDLER = new NoDevices() {};

    @Override
    default long portIn(int port, int size) {
        return -1;
    }

    @Override
    default void portOut(int port, int size, long value) {}

    @Override
    default long mmioRead(long gpa, int size) {
        return -1;
    }

    @Override
    default void mmioWrite(long gpa, int size, long value) {}

    @Override
    default void endOfInterrupt(int vector) {}
}
