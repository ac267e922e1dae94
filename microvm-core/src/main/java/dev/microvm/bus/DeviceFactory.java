package dev.microvm.bus;

/** Creates a user-defined device: see {@code MicroVmBuilder.portDevice}. */
@FunctionalInterface
public interface DeviceFactory {
    /** Creates the device. Called once at each start of a machine. */
    BusDevice create(DeviceContext context);
}
