package dev.microvm.boot.tables;

import dev.microvm.boot.tables.AcpiConfig.LegacyPart;
import dev.microvm.boot.tables.AcpiConfig.Register;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;

/**
 * The fixed ACPI description table of a machine that has no fixed ACPI hardware.
 *
 * <p>Source: ACPI 6.5, 5.2.9, tables 5.9 (fields), 5.10 (flags), 5.11 (IAPC_BOOT_ARCH); 5.2.3.2
 * (generic address structure).
 */
final class Fadt {
    private static final int REVISION = 6;
    private static final int MINOR_REVISION = 5;

    /** In bytes. */
    static final int SIZE = 276;

    /** Offset of 4 bytes: the DSDT's address. */
    static final int DSDT = 40;

    /** Offset of 8 bytes: the same. */
    static final int X_DSDT = 140;

    // Offsets
    private static final int IAPC_BOOT_ARCH = 109; // 2 bytes
    private static final int FLAGS = 112; // 4 bytes
    private static final int RESET_REG = 116; // 12 bytes
    private static final int RESET_VALUE = 128; // 1 byte
    private static final int MINOR_VERSION = 131; // 1 byte
    private static final int SLEEP_CONTROL_REG = 244; // 12 bytes
    private static final int SLEEP_STATUS_REG = 256; // 12 bytes
    private static final int HYPERVISOR_VENDOR = 268; // 8 bytes

    private static final int WBINVD = 1 << 0; // the instruction works
    private static final int PROC_C1 = 1 << 2; // HLT works on all CPUs
    private static final int PWR_BUTTON = 1 << 4; // no fixed power button
    private static final int SLP_BUTTON = 1 << 5; // no fixed sleep button
    private static final int RESET_REG_SUP = 1 << 10;
    private static final int HW_REDUCED_ACPI = 1 << 20;

    private static final int LEGACY_DEVICES = 1 << 0;
    private static final int HAS_8042 = 1 << 1;
    private static final int VGA_NOT_PRESENT = 1 << 2;
    private static final int PCIE_ASPM_CONTROLS = 1 << 4; // set: the OS must not touch ASPM
    private static final int CMOS_RTC_NOT_PRESENT = 1 << 5;

    // Generic address structure
    private static final int SYSTEM_MEMORY = 0;
    private static final int SYSTEM_IO = 1;
    private static final int BYTE_ACCESS = 1;

    private Fadt() {}

    static byte[] build(AcpiConfig config, long dsdt) {
        ByteBuffer fadt = AcpiTables.table("FACP", REVISION, SIZE);
        fadt.putInt(DSDT, (int) dsdt);
        fadt.putShort(IAPC_BOOT_ARCH, (short) bootArchitecture(config));
        int flags = WBINVD | PROC_C1 | PWR_BUTTON | SLP_BUTTON | HW_REDUCED_ACPI;
        fadt.putInt(FLAGS, config.reset().isPresent() ? flags | RESET_REG_SUP : flags);
        fadt.put(MINOR_VERSION, (byte) MINOR_REVISION);
        fadt.putLong(X_DSDT, dsdt);
        fadt.put(HYPERVISOR_VENDOR, "microvm\0".getBytes(StandardCharsets.US_ASCII));
        config.reset().ifPresent(reset -> {
            putRegister(fadt, RESET_REG, reset.register());
            fadt.put(RESET_VALUE, (byte) reset.value());
        });
        config.sleep().ifPresent(sleep -> {
            putRegister(fadt, SLEEP_CONTROL_REG, sleep.control());
            putRegister(fadt, SLEEP_STATUS_REG, sleep.status());
        });
        return AcpiTables.finish(fadt);
    }

    private static int bootArchitecture(AcpiConfig config) {
        return VGA_NOT_PRESENT
                | PCIE_ASPM_CONTROLS
                | (config.has(LegacyPart.ISA_DEVICES) ? LEGACY_DEVICES : 0)
                | (config.has(LegacyPart.KEYBOARD_CONTROLLER) ? HAS_8042 : 0)
                | (config.has(LegacyPart.REAL_TIME_CLOCK) ? 0 : CMOS_RTC_NOT_PRESENT);
    }

    private static void putRegister(ByteBuffer table, int offset, Register register) {
        table.put(offset, (byte) (register.inPorts() ? SYSTEM_IO : SYSTEM_MEMORY));
        table.put(offset + 1, (byte) Byte.SIZE); // width in bits
        table.put(offset + 2, (byte) 0); // first bit
        table.put(offset + 3, (byte) BYTE_ACCESS);
        table.putLong(offset + 4, register.address());
    }
}
