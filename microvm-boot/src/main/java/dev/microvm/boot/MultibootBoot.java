package dev.microvm.boot;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_ET;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;

import dev.microvm.boot.tables.BiosDataArea;
import dev.microvm.boot.tables.Gdt;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.Registers;
import dev.microvm.memory.GuestMemory;

/**
 * Starts a kernel in 32-bit protected mode: paging off, flat segments, interrupts off, the
 * Multiboot magic number in EAX and the address of the information in EBX.
 *
 * <p>Source: Multiboot Specification 0.6.96, 3.2. It leaves GDTR, IDTR and the stack to the kernel;
 * here GDTR and the stack can be used, as after GRUB.
 * It also assumes a PC BIOS before the loader: Xen puts its start-up code where the BIOS data area
 * says.
 */
final class MultibootBoot {
    private static final long MAGIC = 0x2BADB002; // MULTIBOOT_BOOTLOADER_MAGIC

    /** Size in KiB from the end of base memory to the VGA window. */
    private static final int EXTENDED_BIOS_DATA_KIB = (int) (BootLayout.VGA_WINDOW - BootLayout.BASE_RAM_END) >> 10;

    private static final DescriptorTable NO_IDT = new DescriptorTable(0, 0);

    private MultibootBoot() {}

    /**
     * Writes the data and returns the start state; {@code info} is the Multiboot information, built
     * for its address.
     */
    static BootState prepare(GuestMemory memory, long entry, byte[] info) {
        memory.write(BootLayout.MULTIBOOT_INFO, info);
        BiosDataArea.write(memory, BootLayout.BASE_RAM_END, EXTENDED_BIOS_DATA_KIB);
        DescriptorTable gdt = Gdt.LOADER.write(memory, BootLayout.GDT, Gdt.LOADER.code32());
        return new BootState(
                Registers.ZERO
                        .withRip(entry)
                        .withRsp(BootLayout.MULTIBOOT_STACK)
                        .withRax(MAGIC)
                        .withRbx(BootLayout.MULTIBOOT_INFO),
                reset -> reset.withSegments(Gdt.LOADER.code32(), Gdt.LOADER.data())
                        .withTask(Gdt.LOADER.task(), reset.ldt())
                        .withTables(gdt, NO_IDT)
                        .withControl(CR0_PE | CR0_ET, 0, 0, 0));
    }
}
