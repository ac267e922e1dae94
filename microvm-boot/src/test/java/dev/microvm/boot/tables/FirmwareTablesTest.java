package dev.microvm.boot.tables;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import org.junit.jupiter.api.Test;

/**
 * Places and links the tables by their script, like firmware: QEMU hw/acpi/bios-linker-loader.c.
 */
class FirmwareTablesTest {
    private static final AcpiConfig CONFIG =
            AcpiConfig.of(3).with(AcpiDevice.serialPort(1, 0x3F8, 4), AcpiDevice.firmwareConfiguration(0x510, 12));
    private static final int RSDP = 0xF_5A00;
    private static final int TABLES = 0x7FFE_1240;

    @Test
    void areTheSameAsThoseThatTheHostPlaces() {
        Firmware firmware = new Firmware(CONFIG, 0xE_0000, 0xE_0030);

        byte[] expected = AcpiTables.build(CONFIG, 0xE_0000);
        assertThat(bytes(firmware.file(FirmwareTables.RSDP_FILE))).isEqualTo(Arrays.copyOf(expected, 36));
        assertThat(bytes(firmware.file(FirmwareTables.TABLES_FILE)))
                .isEqualTo(Arrays.copyOfRange(expected, 0x30, expected.length));
    }

    @Test
    void leadFromTheRootToAllTables_whereverTheyAre() {
        Firmware firmware = new Firmware(CONFIG, RSDP, TABLES);
        ByteBuffer tables = firmware.file(FirmwareTables.TABLES_FILE);

        int xsdt = (int) firmware.file(FirmwareTables.RSDP_FILE).getLong(24) - TABLES;
        int fadt = (int) tables.getLong(xsdt + 36) - TABLES;
        int madt = (int) tables.getLong(xsdt + 44) - TABLES;
        int dsdt = (int) tables.getLong(fadt + 140) - TABLES;
        assertThat(signature(tables, xsdt)).isEqualTo("XSDT");
        assertThat(signature(tables, fadt)).isEqualTo("FACP");
        assertThat(signature(tables, madt)).isEqualTo("APIC");
        assertThat(signature(tables, dsdt)).isEqualTo("DSDT");
        assertThat(tables.getInt(fadt + 40)).as("DSDT, 32 bits").isEqualTo(TABLES + dsdt);
    }

    @Test
    void addUpToZero_whereverTheyAre() {
        Firmware firmware = new Firmware(CONFIG, RSDP, TABLES);
        byte[] rsdp = bytes(firmware.file(FirmwareTables.RSDP_FILE));
        ByteBuffer tables = firmware.file(FirmwareTables.TABLES_FILE);

        assertThat(TablesMemory.sum(Arrays.copyOf(rsdp, 20))).isZero();
        assertThat(TablesMemory.sum(rsdp)).isZero();
        assertThat(sums(tables)).containsExactly(0, 0, 0, 0);
    }

    @Test
    void ask_forTheRootWhereGuestsLookForIt() {
        Firmware firmware = new Firmware(CONFIG, RSDP, TABLES);

        assertThat(firmware.zones)
                .containsEntry(FirmwareTables.RSDP_FILE, "FSEG of 16")
                .containsEntry(FirmwareTables.TABLES_FILE, "HIGH of 64");
    }

    /** The sum of each of the tables, which follow each other at multiples of 16. */
    private static List<Integer> sums(ByteBuffer tables) {
        List<Integer> sums = new ArrayList<>();
        for (int at = 0; at < tables.capacity(); at += (tables.getInt(at + 4) + 15) & -16) {
            sums.add(TablesMemory.sum(bytes(tables, at, tables.getInt(at + 4))));
        }
        return sums;
    }

    private static String signature(ByteBuffer tables, int at) {
        return new String(bytes(tables, at, 4), StandardCharsets.US_ASCII);
    }

    private static byte[] bytes(ByteBuffer of, int from, int size) {
        byte[] bytes = new byte[size];
        of.get(from, bytes);
        return bytes;
    }

    private static byte[] bytes(ByteBuffer of) {
        return bytes(of, 0, of.capacity());
    }

    /** Follows the script, and puts the two files at addresses that the test chooses. */
    private static final class Firmware {
        private final Map<String, ByteBuffer> given;
        private final Map<String, Integer> addresses;
        private final Map<String, String> zones = new HashMap<>();

        Firmware(AcpiConfig config, int rsdp, int tables) {
            addresses = Map.of(FirmwareTables.RSDP_FILE, rsdp, FirmwareTables.TABLES_FILE, tables);
            FirmwareTables made = AcpiTables.forFirmware(config);
            given = Map.of(
                    FirmwareTables.RSDP_FILE, littleEndian(made.rsdp()),
                    FirmwareTables.TABLES_FILE, littleEndian(made.tables()));
            ByteBuffer script = littleEndian(made.script());
            for (int at = 0; at < script.capacity(); at += 128) {
                follow(script.slice(at, 128).order(ByteOrder.LITTLE_ENDIAN));
            }
        }

        private void follow(ByteBuffer entry) {
            int command = entry.getInt();
            String name = name(entry);
            switch (command) {
                case 1 -> allocate(name, entry.getInt(), entry.get());
                case 2 -> addPointer(file(name), address(name(entry)), entry.getInt(), entry.get());
                case 3 -> addChecksum(file(name), entry.getInt(), entry.getInt(), entry.getInt());
                default -> throw new AssertionError("command " + command);
            }
        }

        private void allocate(String name, int alignment, byte zone) {
            zones.put(name, (zone == 2 ? "FSEG" : "HIGH") + " of " + alignment);
        }

        private static void addPointer(ByteBuffer file, int target, int offset, byte size) {
            if (size == 8) file.putLong(offset, file.getLong(offset) + target);
            else file.putInt(offset, file.getInt(offset) + target);
        }

        private static void addChecksum(ByteBuffer file, int offset, int start, int length) {
            file.put(offset, (byte) (file.get(offset) - TablesMemory.sum(bytes(file, start, length))));
        }

        ByteBuffer file(String name) {
            assertThat(zones).as("files that are loaded").containsKey(name);
            return Objects.requireNonNull(given.get(name));
        }

        private int address(String name) {
            assertThat(zones).as("files that are loaded").containsKey(name);
            return Objects.requireNonNull(addresses.get(name));
        }

        private static ByteBuffer littleEndian(byte[] bytes) {
            return ByteBuffer.wrap(bytes.clone()).order(ByteOrder.LITTLE_ENDIAN);
        }

        private static String name(ByteBuffer entry) {
            byte[] name = new byte[56];
            entry.get(name);
            return new String(name, StandardCharsets.US_ASCII).split("\0", 2)[0];
        }
    }
}
