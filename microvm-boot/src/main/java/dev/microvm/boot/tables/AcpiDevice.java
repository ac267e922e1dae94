package dev.microvm.boot.tables;

import java.util.List;
import java.util.Objects;

/**
 * A device that the guest finds by ACPI: a {@code Device} below {@code \_SB} in the DSDT.
 *
 * @param name its name there: 4 characters of A-Z, 0-9 and _
 * @param hardwareId the id by which drivers find it, such as {@code PNP0501} or {@code LNRO0005}
 * @param uniqueId distinguishes it from others with the same hardware id
 * @param resources the resources that it occupies
 */
public record AcpiDevice(String name, String hardwareId, int uniqueId, List<AcpiResource> resources)
        implements AcpiEntry {
    private static final int PRESENT_AND_WORKING = 0xF; // _STA: ACPI 6.5, 6.3.7
    private static final byte[] END_TAG = {0x79, 0}; // ACPI 6.5, 6.4.2.9; a checksum of 0 is not checked

    /** Copies the list. */
    public AcpiDevice {
        Objects.requireNonNull(name, "name");
        Objects.requireNonNull(hardwareId, "hardwareId");
        Objects.requireNonNull(resources, "resources");
        resources = List.copyOf(resources);
    }

    /** A 16550 serial port; {@code number} 1 is COM1. */
    public static AcpiDevice serialPort(int number, int port, int irq) {
        return new AcpiDevice(
                "COM" + number,
                "PNP0501",
                number,
                List.of(new AcpiResource.Ports(port, 8), new AcpiResource.IsaInterrupt(irq)));
    }

    /** The real-time clock at ports 0x70 and 0x71, interrupt 8. */
    public static AcpiDevice realTimeClock() {
        return new AcpiDevice(
                "RTC_", "PNP0B00", 0, List.of(new AcpiResource.Ports(0x70, 2), new AcpiResource.IsaInterrupt(8)));
    }

    /** The keyboard controller at ports 0x60 and 0x64, interrupt 1. */
    public static AcpiDevice keyboardController() {
        return new AcpiDevice(
                "KBD_",
                "PNP0303",
                0,
                List.of(
                        new AcpiResource.Ports(0x60, 1),
                        new AcpiResource.Ports(0x64, 1),
                        new AcpiResource.IsaInterrupt(1)));
    }

    /**
     * QEMU's firmware configuration device: its ports. Linux shows its items in
     * /sys/firmware/qemu_fw_cfg.
     */
    public static AcpiDevice firmwareConfiguration(int port, int count) {
        return new AcpiDevice("FWCF", "QEMU0002", 0, List.of(new AcpiResource.Ports(port, count)));
    }

    /**
     * A virtio-mmio device, 0 to 255: its registers at {@code base} and its edge-triggered
     * interrupt.
     */
    public static AcpiDevice virtioMmio(int number, long base, long size, int gsi) {
        return new AcpiDevice(
                "VR" + Aml.hex(number, 2),
                "LNRO0005",
                number,
                List.of(new AcpiResource.Memory(base, size), new AcpiResource.Interrupt(gsi, /* level= */ false)));
    }

    /** The {@code Device} term, with {@code more} terms in it behind its own. */
    byte[] aml(byte[]... more) {
        byte[][] descriptors = new byte[resources.size() + 1][];
        for (int i = 0; i < resources.size(); i++) {
            descriptors[i] = resources.get(i).descriptor();
        }
        descriptors[resources.size()] = END_TAG;
        return Aml.device(
                name,
                Aml.name("_HID", Aml.hardwareId(hardwareId)),
                Aml.name("_UID", Aml.integer(uniqueId)),
                Aml.name("_STA", Aml.integer(PRESENT_AND_WORKING)),
                Aml.name("_CRS", Aml.buffer(Aml.concat(descriptors))),
                Aml.concat(more));
    }
}
