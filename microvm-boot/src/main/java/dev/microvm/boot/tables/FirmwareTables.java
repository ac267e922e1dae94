package dev.microvm.boot.tables;

/**
 * The ACPI tables for firmware, which chooses their addresses: three files of QEMU's fw_cfg. Made
 * by {@link AcpiTables#forFirmware}. Leave the arrays unchanged.
 *
 * <p>Source: QEMU hw/i386/acpi-microvm.c, {@code acpi_setup_microvm}.
 */
public final class FirmwareTables {
    /** Name of the file of the root pointer. */
    public static final String RSDP_FILE = "etc/acpi/rsdp";

    /** Name of the file of the other tables. */
    public static final String TABLES_FILE = "etc/acpi/tables";

    /** Name of the file that says how to link them. */
    public static final String SCRIPT_FILE = "etc/table-loader";

    private final byte[] rsdp;
    private final byte[] tables;
    private final byte[] script;

    FirmwareTables(byte[] rsdp, byte[] tables, byte[] script) {
        this.rsdp = rsdp;
        this.tables = tables;
        this.script = script;
    }

    /** The root pointer. */
    public byte[] rsdp() {
        return rsdp;
    }

    /** The other tables, one after the other. */
    public byte[] tables() {
        return tables;
    }

    /** How to place and link them. */
    public byte[] script() {
        return script;
    }
}
