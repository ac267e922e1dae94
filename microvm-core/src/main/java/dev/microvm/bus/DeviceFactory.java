package dev.microvm.bus;

/** Creates a user-defined device: see {@code MicroVmBuilder.portDevice}. */
@FunctionalInterface
public interface DeviceFactory {
    /**
     * Creates the device. Called once at each start of a machine, which fails with a {@link
     * dev.microvm.error.MicroVmException} that names the device if this throws or returns null.
     */
    BusDevice create(DeviceContext context);
}
