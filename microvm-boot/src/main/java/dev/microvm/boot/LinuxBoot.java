package dev.microvm.boot;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_ET;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PG;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PAE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LMA;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;

import dev.microvm.boot.tables.Gdt;
import dev.microvm.boot.tables.PageTables;
import dev.microvm.boot.tables.ZeroPage;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.Registers;
import dev.microvm.memory.GuestMemory;

/**
 * Starts a kernel in 64-bit mode: paging on with an identity mapping, flat segments, interrupts
 * off, and RSI pointing at the zero page. The protocol leaves the stack to the kernel; there is a
 * small one.
 *
 * <p>Source: Linux Documentation/arch/x86/boot.rst, "64-bit BOOT PROTOCOL".
 */
final class LinuxBoot {
    /**
     * {@code initrd_addr_max} for a kernel file without setup header; the value of every 64-bit
     * kernel.
     */
    static final long DEFAULT_INITRD_ADDR_MAX = 0x7FFF_FFFFL;

    /** No interrupt descriptors: the kernel loads its own before it enables interrupts. */
    private static final DescriptorTable NO_IDT = new DescriptorTable(0, 0);

    private LinuxBoot() {}

    static BootState prepare(GuestMemory memory, BootParameters parameters) {
        ZeroPage page = new ZeroPage(memory, BootLayout.ZERO_PAGE);
        parameters
                .setupHeader()
                .ifPresentOrElse(
                        header -> page.setupHeader(header.bytes()),
                        () -> page.defaultSetupHeader(DEFAULT_INITRD_ADDR_MAX, CommandLine.DEFAULT_MAX_LENGTH));
        page.cmdline(BootLayout.CMDLINE)
                .initrd(parameters.initrd(), parameters.initrdSize())
                .rsdp(parameters.rsdp())
                .memoryMap(parameters.memoryMap());

        DescriptorTable gdt = Gdt.LINUX.write(memory, BootLayout.GDT, Gdt.LINUX.code64());
        long cr3 = PageTables.writeIdentity(memory, BootLayout.PAGE_TABLES);
        return new BootState(
                Registers.ZERO
                        .withRip(parameters.entry())
                        .withRsp(BootLayout.STACK)
                        .withRsi(BootLayout.ZERO_PAGE),
                reset -> reset.withSegments(Gdt.LINUX.code64(), Gdt.LINUX.data())
                        .withTask(Gdt.LINUX.task(), reset.ldt())
                        .withTables(gdt, NO_IDT)
                        .withControl(CR0_PE | CR0_ET | CR0_PG, cr3, CR4_PAE, EFER_LME | EFER_LMA));
    }
}
