package dev.microvm.boot.tables;

import dev.microvm.boot.tables.AcpiConfig.GenerationId;
import dev.microvm.boot.tables.AcpiConfig.GenericEvents;
import java.util.List;
import java.util.Optional;

/**
 * The generic event device in the DSDT: ACPI 6.5, 5.6.9 and 4.8.3.2.1 (control-method power
 * button).
 */
final class GenericEventAml {
    private static final String DEVICE = "GED_";
    private static final String POWER_BUTTON = "PWRB";
    private static final String REGION = "EREG";
    private static final String EVENTS = "ESEL";
    private static final String GENERATION = "VGEN";
    private static final int GENERATION_CHANGED = 0x80;
    private static final byte[] NOTHING = {};
    private static final int BUTTON_PRESSED = 0x80; // 5.6.6, table of device notifications

    private GenericEventAml() {}

    /**
     * Returns the power button, the generation ID if there is one, and the device whose {@code _EVT}
     * reads the events and reports them.
     */
    static byte[] build(GenericEvents events, Optional<GenerationId> generation) {
        byte[] button =
                Aml.device(POWER_BUTTON, Aml.name("_HID", Aml.hardwareId("PNP0C0C")), Aml.name("_UID", Aml.integer(0)));
        byte[] handler = Aml.method(
                "_EVT",
                1,
                Aml.storeInLocal0(EVENTS),
                Aml.ifLocal0Has(events.powerButton(), Aml.notify(POWER_BUTTON, BUTTON_PRESSED)),
                generation.map(GenericEventAml::report).orElse(NOTHING));
        AcpiResource interrupt = new AcpiResource.Interrupt(events.gsi(), /* level= */ false);
        byte[] device = new AcpiDevice(DEVICE, "ACPI0013", 0, List.of(interrupt))
                .aml(Aml.memoryRegister(REGION, events.register(), EVENTS), handler);
        return Aml.concat(button, generation.map(GenericEventAml::device).orElse(NOTHING), device);
    }

    private static byte[] report(GenerationId generation) {
        return Aml.ifLocal0Has(generation.event(), Aml.notify(GENERATION, GENERATION_CHANGED));
    }

    /** QEMU docs/specs/vmgenid.rst; the names are those by which Linux and Windows find it. */
    private static byte[] device(GenerationId generation) {
        byte[] low = Aml.integer(generation.address() & 0xFFFF_FFFFL);
        byte[] high = Aml.integer(generation.address() >>> Integer.SIZE);
        return Aml.device(
                GENERATION,
                Aml.name("_HID", Aml.hardwareId("VMGENCTR")),
                Aml.name("_CID", Aml.string("VM_Gen_Counter")),
                Aml.name("_DDN", Aml.string("VM_Gen_Counter")),
                Aml.name("ADDR", Aml.pack(low, high)));
    }
}
