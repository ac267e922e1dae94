package dev.microvm.devices.firmware;

/**
 * Selector keys of the items that {@link FwCfg} can hold. Numbers are little-endian; strings end
 * with a zero byte.
 *
 * <p>Source: QEMU's {@code include/standard-headers/linux/qemu_fw_cfg.h}, and
 * {@code hw/i386/fw_cfg.h} for the keys of x86 machines.
 */
public final class FwCfgKeys {
    /** The characters "QEMU". Every {@link FwCfg} has it. */
    public static final int SIGNATURE = 0x00;

    /** 32-bit number of features: bit 0, the data port; bit 1, DMA. Every {@link FwCfg} has it. */
    public static final int ID = 0x01;

    /** 16 bytes: the machine's UUID. */
    public static final int UUID = 0x02;

    /** 64-bit number: size of RAM in bytes. */
    public static final int RAM_SIZE = 0x03;

    /** 16-bit number: 1 if there is no screen. */
    public static final int NOGRAPHIC = 0x04;

    /** 16-bit number: number of CPUs at the start. */
    public static final int NB_CPUS = 0x05;

    /** Machine number; not used on x86. */
    public static final int MACHINE_ID = 0x06;

    /** 32-bit number: guest-physical address for {@link #KERNEL_DATA}. */
    public static final int KERNEL_ADDR = 0x07;

    /** 32-bit number: size of {@link #KERNEL_DATA} in bytes. */
    public static final int KERNEL_SIZE = 0x08;

    /** 32-bit number: guest-physical address for {@link #INITRD_DATA}. */
    public static final int INITRD_ADDR = 0x0a;

    /** 32-bit number: size of {@link #INITRD_DATA} in bytes. */
    public static final int INITRD_SIZE = 0x0b;

    /** 16-bit number: the device to boot from, as a letter. */
    public static final int BOOT_DEVICE = 0x0c;

    /** 16-bit number: 1 if firmware shows a menu. */
    public static final int BOOT_MENU = 0x0e;

    /** 16-bit number: maximum number of CPUs. */
    public static final int MAX_CPUS = 0x0f;

    /** 32-bit number: guest-physical address at which the kernel starts. */
    public static final int KERNEL_ENTRY = 0x10;

    /** The kernel, without its real-mode part. */
    public static final int KERNEL_DATA = 0x11;

    /** The initial RAM disk. */
    public static final int INITRD_DATA = 0x12;

    /** 32-bit number: guest-physical address for {@link #CMDLINE_DATA}. */
    public static final int CMDLINE_ADDR = 0x13;

    /** 32-bit number: size of {@link #CMDLINE_DATA} in bytes. */
    public static final int CMDLINE_SIZE = 0x14;

    /** String: the kernel's command line. */
    public static final int CMDLINE_DATA = 0x15;

    /** 32-bit number: guest-physical address for {@link #SETUP_DATA}. */
    public static final int SETUP_ADDR = 0x16;

    /** 32-bit number: size of {@link #SETUP_DATA} in bytes. */
    public static final int SETUP_SIZE = 0x17;

    /** The kernel's real-mode part. */
    public static final int SETUP_DATA = 0x18;

    /** The directory of named items. Every {@link FwCfg} has it. */
    public static final int FILE_DIR = 0x19;

    /** Key of the first named item. {@link FwCfg} assigns the keys of named items. */
    public static final int FILE_FIRST = 0x20;

    /** Bit of the keys whose meaning depends on the architecture. */
    public static final int ARCH_LOCAL = 0x8000;

    /** x86: ACPI tables of the user. */
    public static final int ACPI_TABLES = ARCH_LOCAL;

    /** x86: SMBIOS entries. */
    public static final int SMBIOS_ENTRIES = ARCH_LOCAL + 1;

    /** x86, 32-bit number: 1 if IRQ 0 is pin 2 of the IOAPIC. */
    public static final int IRQ0_OVERRIDE = ARCH_LOCAL + 2;

    /** x86: reserved ranges of memory, replaced by the file {@code etc/e820}. */
    public static final int E820_TABLE = ARCH_LOCAL + 3;

    /** x86: the table of HPETs. */
    public static final int HPET = ARCH_LOCAL + 4;

    private FwCfgKeys() {}
}
