package dev.microvm.boot.tables;

import java.io.ByteArrayOutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;

/**
 * The ACPI tables of a machine without fixed ACPI hardware: RSDP, XSDT, FADT, MADT, DSDT, one after
 * the other.
 *
 * <p>Source: ACPI 6.5, 5.2.5 (RSDP), 5.2.6 (table header), 5.2.8 (XSDT); see {@link Fadt}, {@link
 * Madt}. Not written: RSDT, FACS, HPET, MCFG.
 */
public final class AcpiTables {
    private static final int ALIGNMENT = 16; // bytes; what the RSDP needs, and tidy for the rest
    private static final int RSDP_SIZE = 36;
    private static final int RSDP_V1_SIZE = 20; // what the first checksum covers
    private static final int RSDP_REVISION = 2;
    private static final int RSDP_CHECKSUM = 8; // offset of the byte
    private static final int RSDP_OEM_ID = 9; // offset
    private static final int RSDP_XSDT = 24; // offset of 8 bytes
    private static final int RSDP_EXTENDED_CHECKSUM = 32; // offset of the byte
    private static final int XSDT_REVISION = 1;
    private static final int XSDT_TABLES = 2; // FADT, MADT
    private static final int DSDT_REVISION = 2; // integers of 64 bits

    /** What firmware aligns the tables to, in bytes: as QEMU has it, hw/i386/acpi-microvm.c. */
    private static final int FIRMWARE_ALIGNMENT = 64;

    /** Size of the header that each table but the RSDP has. */
    static final int HEADER_SIZE = 36;

    private static final int SIGNATURE_SIZE = 4; // the length follows it
    private static final int CHECKSUM = 9; // offset of the byte in the header
    private static final String OEM_ID = "MICROV"; // 6 characters
    private static final String OEM_TABLE_ID = "MICROVM "; // 8 characters
    private static final int OEM_REVISION = 1;
    private static final String CREATOR_ID = "MVM "; // 4 characters
    private static final int CREATOR_REVISION = 1;

    private AcpiTables() {}

    /**
     * Makes the tables.
     *
     * @param config the contents
     * @param address the guest-physical address of the tables, a multiple of 16 below 4 GiB; legacy
     *     guests look for the first of them, the RSDP, in [0xe0000, 0x100000)
     * @return the bytes for that address, the RSDP first
     */
    public static byte[] build(AcpiConfig config, long address) {
        Objects.requireNonNull(config, "config");
        if (address < 0 || address % ALIGNMENT != 0 || address >>> 32 != 0) {
            throw new IllegalArgumentException(
                    "the address of ACPI tables must be a multiple of 16 below 4 GiB, was 0x%x".formatted(address));
        }
        Placement placement = new Placement(address);
        placement.add(new byte[RSDP_SIZE]); // a placeholder, because it points to the last table
        byte[] rsdp = rsdp(placement.addAll(config));
        byte[] tables = placement.out.toByteArray();
        System.arraycopy(rsdp, 0, tables, 0, RSDP_SIZE);
        return tables;
    }

    /**
     * Makes the same tables for firmware to place.
     *
     * @param config the contents
     */
    public static FirmwareTables forFirmware(AcpiConfig config) {
        Objects.requireNonNull(config, "config");
        Placement placement = new Placement(0); // so each pointer is an offset, to which firmware adds an address
        int xsdt = (int) placement.addAll(config);
        byte[] tables = placement.out.toByteArray();
        String file = FirmwareTables.TABLES_FILE;
        String root = FirmwareTables.RSDP_FILE;
        TableLoader loader = new TableLoader()
                .allocate(root, ALIGNMENT, TableLoader.Zone.F_SEGMENT)
                .allocate(file, FIRMWARE_ALIGNMENT, TableLoader.Zone.HIGH);
        int fadt = (int) placement.fadt;
        loader.addPointer(file, fadt + Fadt.DSDT, Integer.BYTES, file)
                .addPointer(file, fadt + Fadt.X_DSDT, Long.BYTES, file)
                .addChecksum(file, fadt + CHECKSUM, fadt, Fadt.SIZE);
        int xsdtEnd = xsdt + HEADER_SIZE + XSDT_TABLES * Long.BYTES;
        for (int entry = xsdt + HEADER_SIZE; entry < xsdtEnd; entry += Long.BYTES) {
            loader.addPointer(file, entry, Long.BYTES, file);
        }
        loader.addChecksum(file, xsdt + CHECKSUM, xsdt, xsdtEnd - xsdt)
                .addPointer(root, RSDP_XSDT, Long.BYTES, file)
                .addChecksum(root, RSDP_CHECKSUM, 0, RSDP_V1_SIZE)
                .addChecksum(root, RSDP_EXTENDED_CHECKSUM, 0, RSDP_SIZE);
        return new FirmwareTables(rsdp(xsdt), tables, loader.bytes());
    }

    /**
     * Names the tables that {@link #build} made, in order.
     *
     * @param tables the tables; may be empty
     * @param address their guest-physical address
     * @return each as {@code "FACP at 0xe01b0"}
     */
    public static List<String> names(byte[] tables, long address) {
        Objects.requireNonNull(tables, "tables");
        List<String> names = new ArrayList<>();
        ByteBuffer all = ByteBuffer.wrap(tables).order(ByteOrder.LITTLE_ENDIAN);
        int size;
        for (int at = 0; at < tables.length; at += size + (-size & (ALIGNMENT - 1))) {
            String signature = new String(tables, at, SIGNATURE_SIZE, StandardCharsets.US_ASCII);
            size = at == 0 ? RSDP_SIZE : all.getInt(at + SIGNATURE_SIZE);
            names.add("%s at 0x%x".formatted(at == 0 ? "RSDP" : signature, address + at));
        }
        return names;
    }

    /**
     * A little-endian buffer for a table of {@code size} bytes, with its header; the position is
     * after that.
     */
    static ByteBuffer table(String signature, int revision, int size) {
        ByteBuffer table = ByteBuffer.allocate(size).order(ByteOrder.LITTLE_ENDIAN);
        table.put(ascii(signature)).putInt(size).put((byte) revision).put((byte) 0);
        table.put(ascii(OEM_ID)).put(ascii(OEM_TABLE_ID)).putInt(OEM_REVISION);
        table.put(ascii(CREATOR_ID)).putInt(CREATOR_REVISION);
        return table;
    }

    /** The bytes of a table that is complete but for its checksum. */
    static byte[] finish(ByteBuffer table) {
        byte[] bytes = new byte[table.capacity()];
        table.get(0, bytes);
        return Checksum.fill(bytes, CHECKSUM);
    }

    private static byte[] rsdp(long xsdt) {
        ByteBuffer rsdp = ByteBuffer.allocate(RSDP_SIZE).order(ByteOrder.LITTLE_ENDIAN);
        rsdp.put(ascii("RSD PTR ")).position(RSDP_OEM_ID).put(ascii(OEM_ID));
        rsdp.put((byte) RSDP_REVISION).putInt(0); // no RSDT
        rsdp.putInt(RSDP_SIZE).putLong(RSDP_XSDT, xsdt);
        Checksum.fill(rsdp.array(), RSDP_CHECKSUM, RSDP_V1_SIZE);
        return Checksum.fill(rsdp.array(), RSDP_EXTENDED_CHECKSUM);
    }

    private static byte[] xsdt(long fadt, long madt) {
        ByteBuffer xsdt = table("XSDT", XSDT_REVISION, HEADER_SIZE + XSDT_TABLES * Long.BYTES);
        return finish(xsdt.putLong(fadt).putLong(madt));
    }

    private static byte[] dsdt(AcpiConfig config) {
        List<byte[]> devices = new ArrayList<>();
        for (int id = 0; id < config.cpus(); id++) {
            // A processor device: ACPI 6.5, 8.4. Its _UID ties it to its MADT entry.
            devices.add(Aml.device(
                    "C" + Aml.hex(id, 3),
                    Aml.name("_HID", Aml.hardwareId("ACPI0007")),
                    Aml.name("_UID", Aml.integer(id))));
        }
        for (AcpiDevice device : config.devices()) {
            devices.add(device.aml());
        }
        config.events().ifPresent(events -> devices.add(GenericEventAml.build(events, config.generationId())));
        byte[] aml = Aml.scope("_SB_", devices.toArray(byte[][]::new));
        if (config.sleep().isPresent()) aml = Aml.concat(softOff(), aml);
        return finish(table("DSDT", DSDT_REVISION, HEADER_SIZE + aml.length).put(aml));
    }

    /** {@code _S5}, 7.4.2: the sleep type that the guest writes to turn the machine off. */
    private static byte[] softOff() {
        byte[] zero = Aml.integer(0);
        return Aml.name("_S5_", Aml.pack(Aml.integer(AcpiConfig.SLEEP_TYPE_S5), zero, zero, zero));
    }

    private static byte[] ascii(String text) {
        return text.getBytes(StandardCharsets.US_ASCII);
    }

    /** Gives each table its address. */
    private static final class Placement {
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private final long address;
        private long fadt;

        Placement(long address) {
            this.address = address;
        }

        /** Adds all tables but the RSDP, and returns the address of the XSDT. */
        long addAll(AcpiConfig config) {
            long dsdt = add(dsdt(config));
            fadt = add(Fadt.build(config, dsdt));
            long madt = add(Madt.build(config));
            return add(xsdt(fadt, madt));
        }

        long add(byte[] table) {
            long at = address + out.size();
            out.writeBytes(table);
            out.writeBytes(new byte[-table.length & (ALIGNMENT - 1)]);
            return at;
        }
    }
}
