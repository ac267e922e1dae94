package dev.microvm.boot;

import dev.microvm.boot.tables.BiosDataArea;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.boot.tables.Gdt;
import java.util.ArrayList;
import java.util.List;

/**
 * The guest-physical addresses of everything that a kernel is started with. Ranges are half-open;
 * none overlap.
 *
 * <p>The kernel reads what is below 1 MiB early and may then reuse that memory, except for the
 * tables, which the memory map reserves.
 */
public final class BootLayout {
    /** Global descriptor table: [0x500, 0x530), after the BIOS data area of a real PC. */
    public static final long GDT = 0x500;

    /** PVH start info with the memory map and the module list behind it: [0x6000, 0x7000). */
    public static final long PVH_START_INFO = 0x6000;

    /** Zero page of the Linux boot protocol: [0x7000, 0x8000). */
    public static final long ZERO_PAGE = 0x7000;

    /**
     * Top of the stack with which PVH and 64-bit Linux kernels start, as in Firecracker: what is
     * below in [0x8000, 0x9000) is for it.
     */
    public static final long STACK = 0x8FF0;

    /** Identity-mapping page tables: [0x9000, 0xf000). */
    public static final long PAGE_TABLES = 0x9000;

    /** Command line with its terminating zero: [0x20000, 0x30000). */
    public static final long CMDLINE = 0x2_0000;

    /** Maximum size of the command line with its terminating zero, in bytes. */
    public static final int CMDLINE_MAX_SIZE = 0x1_0000;

    /**
     * Multiboot information with all that it points to, except for the modules: [0x90000, 0x9ec00).
     * Most memory below 1 MiB remains free for kernels that are linked there.
     */
    public static final long MULTIBOOT_INFO = 0x9_0000;

    /** Maximum size of the Multiboot information, in bytes. */
    public static final int MULTIBOOT_INFO_MAX_SIZE = 0xEC00;

    /**
     * Top of the stack with which a Multiboot kernel starts, behind the information: [0x9ec00,
     * 0x9fc00).
     */
    public static final long MULTIBOOT_STACK = 0x9_FC00;

    /** End of RAM below 1 MiB in the memory map: a PC has its extended BIOS data area there. */
    public static final long BASE_RAM_END = 0x9_FC00;

    /** First address that is not RAM on any PC: the VGA window. */
    public static final long VGA_WINDOW = 0xA_0000;

    /**
     * ACPI tables, the RSDP first: [0xe0000, 0xf0000). Guests look for it here: ACPI 6.5, 5.2.5.1.
     */
    public static final long ACPI_TABLES = 0xE_0000;

    /** Maximum size of all ACPI tables together, in bytes. */
    public static final int ACPI_TABLES_MAX_SIZE = 0x1_0000;

    /** MP table: [0xf0000, 0xf2000). Guests look for it here: MP specification 1.4, chapter 4. */
    public static final long MP_TABLE = 0xF_0000;

    /** First instruction after a reset in real mode, F000:FFF0: [0xffff0, 0x100000). */
    public static final long RESET_VECTOR = 0xF_FFF0;

    /** First address for kernels and initrds: 1 MiB. */
    public static final long HIGH_MEMORY = 0x10_0000;

    /** Maximum end of RAM below 4 GiB: 3 GiB. Devices and interrupt controllers are above. */
    public static final long LOW_RAM_MAX = 0xC000_0000L;

    /** Start of the rest of RAM: 4 GiB. */
    public static final long HIGH_RAM = 0x1_0000_0000L;

    /**
     * Address where firmware puts the real-mode code of a bzImage, as in QEMU hw/i386/x86.c,
     * x86_load_linux.
     */
    static final long FIRMWARE_SETUP = 0x1_0000;

    /** Maximum size of that code in bytes: the command line follows. */
    static final int FIRMWARE_SETUP_MAX_SIZE = (int) (CMDLINE - FIRMWARE_SETUP);

    /**
     * Size in bytes of what firmware reserves at the end of RAM below 3 GiB: SeaBIOS has ACPI
     * tables and more in the last 256 KiB (src/config.h, BUILD_MAX_HIGHTABLE).
     */
    static final long FIRMWARE_RESERVE = 1 << 20;

    /** End of the firmware ROM: 4 GiB, because the first instruction is at 0xfffffff0. */
    public static final long ROM_END = HIGH_RAM;

    /**
     * Maximum size of the copy of the ROM's end below 1 MiB, in bytes: the size of a PC's BIOS
     * there.
     */
    static final int ROM_COPY_MAX_SIZE = 128 << 10;

    private BootLayout() {}

    /** Whether {@code [start, end)} overlaps the boot data of a Multiboot kernel below 640 KiB. */
    static boolean takenByMultiboot(long start, long end) {
        return (start < GDT + Gdt.SIZE && end > BiosDataArea.ADDRESS) || (start < BASE_RAM_END && end > MULTIBOOT_INFO);
    }

    /**
     * Returns the memory map of a machine: RAM from 0 up to 3 GiB, the rest from 4 GiB.
     *
     * @param ramSize size of RAM in bytes, more than 1 MiB
     * @throws IllegalArgumentException if it is 1 MiB or less
     */
    public static E820Map memoryMap(long ramSize) {
        if (ramSize <= HIGH_MEMORY) {
            throw new IllegalArgumentException("RAM must be more than 1 MiB, not 0x%x bytes".formatted(ramSize));
        }
        List<E820Map.Entry> entries = new ArrayList<>();
        entries.add(new E820Map.Entry(0, BASE_RAM_END, E820Map.Type.RAM));
        entries.add(new E820Map.Entry(BASE_RAM_END, VGA_WINDOW - BASE_RAM_END, E820Map.Type.RESERVED));
        entries.add(new E820Map.Entry(ACPI_TABLES, HIGH_MEMORY - ACPI_TABLES, E820Map.Type.RESERVED));
        entries.add(new E820Map.Entry(HIGH_MEMORY, Math.min(ramSize, LOW_RAM_MAX) - HIGH_MEMORY, E820Map.Type.RAM));
        if (ramSize > LOW_RAM_MAX) entries.add(new E820Map.Entry(HIGH_RAM, ramSize - LOW_RAM_MAX, E820Map.Type.RAM));
        return new E820Map(entries);
    }

    /**
     * Returns the memory map of the same machine for firmware, which adds its own reservations.
     *
     * @param ramSize size of RAM in bytes, more than 1 MiB
     * @throws IllegalArgumentException if it is 1 MiB or less
     */
    public static E820Map firmwareMemoryMap(long ramSize) {
        List<E820Map.Entry> entries = new ArrayList<>();
        entries.add(new E820Map.Entry(0, Math.min(ramSize, LOW_RAM_MAX), E820Map.Type.RAM));
        entries.addAll(memoryMap(ramSize).entries().stream()
                .filter(entry -> entry.start() >= HIGH_RAM)
                .toList());
        return new E820Map(entries);
    }
}
