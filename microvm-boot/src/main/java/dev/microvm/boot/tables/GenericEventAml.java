package dev.microvm.boot.tables;

import dev.microvm.boot.tables.AcpiConfig.GenericEvents;
import java.util.List;

/**
 * The generic event device in the DSDT: ACPI 6.5, 5.6.9 and 4.8.3.2.1 (control-method power
 * button).
 */
final class GenericEventAml {
    private static final String DEVICE = "GED_";
    private static final String POWER_BUTTON = "PWRB";
    private static final String REGION = "EREG";
    private static final String EVENTS = "ESEL";
    private static final int BUTTON_PRESSED = 0x80; // 5.6.6, table of device notifications

    private GenericEventAml() {}

    /**
     * Returns the power button, and the device whose {@code _EVT} reads the events and reports
     * them.
     */
    static byte[] build(GenericEvents events) {
        byte[] button =
                Aml.device(POWER_BUTTON, Aml.name("_HID", Aml.hardwareId("PNP0C0C")), Aml.name("_UID", Aml.integer(0)));
        byte[] handler = Aml.method(
                "_EVT",
                1,
                Aml.storeInLocal0(EVENTS),
                Aml.ifLocal0Has(events.powerButton(), Aml.notify(POWER_BUTTON, BUTTON_PRESSED)));
        AcpiResource interrupt = new AcpiResource.Interrupt(events.gsi(), /* level= */ false);
        byte[] device = new AcpiDevice(DEVICE, "ACPI0013", 0, List.of(interrupt))
                .aml(Aml.memoryRegister(REGION, events.register(), EVENTS), handler);
        return Aml.concat(button, device);
    }
}
