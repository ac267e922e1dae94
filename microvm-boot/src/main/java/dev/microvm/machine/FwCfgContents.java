package dev.microvm.machine;

import dev.microvm.boot.BootLayout;
import dev.microvm.boot.FirmwareKernel;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.OptionRom;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.boot.tables.FirmwareTables;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.firmware.FwCfgItem;
import dev.microvm.devices.firmware.FwCfgKeys;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.stream.Collectors;

/**
 * The items of the machine's fw_cfg device, for firmware and guests: those of QEMU's microvm.
 *
 * <p>Source: QEMU hw/i386/microvm.c, {@code microvm_memory_init}; hw/nvram/fw_cfg.c, {@code
 * fw_cfg_common_realize}; hw/i386/x86.c, {@code x86_load_linux}. Left out: UUID, splash screen,
 * SMBIOS, NUMA.
 */
public final class FwCfgContents {
    private static final String E820_FILE = "etc/e820";
    private static final String BOOT_ORDER_FILE = "bootorder";
    private static final String BOOT_FAIL_WAIT_FILE = "etc/boot-fail-wait"; // milliseconds until a reset
    private static final int FOREVER = -1;
    private static final String OPTION_ROM_FOLDER = "genroms/"; // SeaBIOS src/optionroms.c

    private FwCfgContents() {}

    /** Begins with the items of every machine; {@code memorySize} is in bytes. */
    public static FwCfg.Builder ofMachine(OptionsPlan options, int vcpus, long memorySize) {
        boolean timerOnPin2 = options.timerPin() == SplitInterrupts.TIMER_PIN;
        return FwCfg.builder()
                .item(FwCfgKeys.RAM_SIZE, FwCfgItem.le64(memorySize))
                .item(FwCfgKeys.NB_CPUS, FwCfgItem.le16(vcpus))
                .item(FwCfgKeys.MAX_CPUS, FwCfgItem.le16(vcpus))
                .item(FwCfgKeys.IRQ0_OVERRIDE, FwCfgItem.le32(timerOnPin2 ? 1 : 0))
                .item(FwCfgKeys.NOGRAPHIC, FwCfgItem.le16(1))
                .item(FwCfgKeys.BOOT_MENU, FwCfgItem.le16(0))
                .file(E820_FILE, FwCfgItem.of(memoryMap(memorySize).bytes()))
                .file(BOOT_FAIL_WAIT_FILE, FwCfgItem.le32(FOREVER));
    }

    /** Returns the memory map for firmware, without the reservations that firmware itself adds. */
    static E820Map memoryMap(long memorySize) {
        Place hypervisors = PcPart.HYPERVISOR_PAGES.plan().place();
        return BootLayout.firmwareMemoryMap(memorySize)
                .with(new E820Map.Entry(hypervisors.base(), hypervisors.size(), E820Map.Type.RESERVED));
    }

    /** Adds what firmware needs to start the plan's kernel. */
    static void add(FwCfg.Builder to, FirmwarePlan plan) {
        plan.kernel().ifPresent(kernel -> addKernel(to, kernel));
        plan.acpi().ifPresent(tables -> addTables(to, tables));
        for (OptionRom rom : plan.optionRoms()) {
            to.file(OPTION_ROM_FOLDER + rom.name(), FwCfgItem.of(rom.bytes()));
        }
        if (!plan.optionRoms().isEmpty()) to.file(BOOT_ORDER_FILE, bootOrder(plan.optionRoms()));
    }

    private static void addKernel(FwCfg.Builder to, FirmwareKernel kernel) {
        to.item(FwCfgKeys.KERNEL_ADDR, FwCfgItem.le32((int) kernel.address()))
                .item(FwCfgKeys.KERNEL_SIZE, FwCfgItem.le32((int) kernel.size()))
                .item(FwCfgKeys.SETUP_SIZE, FwCfgItem.le32(kernel.setup().length))
                .item(FwCfgKeys.SETUP_DATA, FwCfgItem.of(kernel.setup()))
                .item(FwCfgKeys.CMDLINE_ADDR, FwCfgItem.le32((int) kernel.cmdlineAddress()))
                .item(FwCfgKeys.CMDLINE_SIZE, FwCfgItem.le32(kernel.cmdline().bytes().length))
                .item(FwCfgKeys.CMDLINE_DATA, FwCfgItem.of(kernel.cmdline().bytes()));
        kernel.setupAddress().ifPresent(at -> to.item(FwCfgKeys.SETUP_ADDR, FwCfgItem.le32((int) at)));
        if (kernel.hasData()) to.item(FwCfgKeys.KERNEL_DATA, FwCfgItem.of(kernel.size(), kernel::readData));
        kernel.entry().ifPresent(entry -> to.item(FwCfgKeys.KERNEL_ENTRY, FwCfgItem.le32((int) entry)));
        kernel.initrd()
                .ifPresent(initrd -> to.item(FwCfgKeys.INITRD_ADDR, FwCfgItem.le32((int) kernel.initrdAddress()))
                        .item(FwCfgKeys.INITRD_SIZE, FwCfgItem.le32((int) initrd.size()))
                        .item(FwCfgKeys.INITRD_DATA, FwCfgItem.of(initrd.size(), initrd::read)));
    }

    private static void addTables(FwCfg.Builder to, FirmwareTables tables) {
        to.file(FirmwareTables.RSDP_FILE, FwCfgItem.of(tables.rsdp()))
                .file(FirmwareTables.TABLES_FILE, FwCfgItem.of(tables.tables()))
                .file(FirmwareTables.SCRIPT_FILE, FwCfgItem.of(tables.script()));
    }

    /**
     * Returns the Open Firmware paths to boot from, one per line; the last ends with a zero
     * instead.
     */
    private static FwCfgItem bootOrder(List<OptionRom> roms) {
        String lines = roms.stream()
                .map(rom -> "/rom@" + OPTION_ROM_FOLDER + rom.name())
                .collect(Collectors.joining("\n", "", "\0"));
        return FwCfgItem.of(lines.getBytes(StandardCharsets.US_ASCII));
    }
}
