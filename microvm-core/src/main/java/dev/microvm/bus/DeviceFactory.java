package dev.microvm.bus;

/** Makes a device of the user's own for one machine: see {@code MicroVmBuilder.portDevice}. */
@FunctionalInterface
public interface DeviceFactory {
    /** Makes the device; it is called once for each start of a machine. */
    BusDevice create(DeviceContext context);
}
