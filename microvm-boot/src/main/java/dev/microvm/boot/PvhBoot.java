package dev.microvm.boot;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_ET;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;

import dev.microvm.boot.tables.Gdt;
import dev.microvm.boot.tables.PvhStartInfo;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.Registers;
import dev.microvm.memory.GuestMemory;

/**
 * Starts a kernel in 32-bit protected mode: paging off, flat segments, interrupts off, and EBX
 * pointing at the start info. The protocol leaves the stack to the kernel, but some kernels call
 * before they have one; there is a small one.
 *
 * <p>Source: Xen docs/misc/pvh.pandoc, "x86/HVM direct boot ABI".
 */
final class PvhBoot {
    private static final DescriptorTable NO_IDT = new DescriptorTable(0, 0);

    private PvhBoot() {}

    static BootState prepare(GuestMemory memory, BootParameters parameters) {
        PvhStartInfo info = new PvhStartInfo(memory, BootLayout.PVH_START_INFO)
                .cmdline(BootLayout.CMDLINE)
                .rsdp(parameters.rsdp())
                .memoryMap(parameters.memoryMap());
        if (parameters.initrdSize() > 0) info.initrd(parameters.initrd(), parameters.initrdSize());

        DescriptorTable gdt = Gdt.LOADER.write(memory, BootLayout.GDT, Gdt.LOADER.code32());
        return new BootState(
                Registers.ZERO
                        .withRip(parameters.entry())
                        .withRsp(BootLayout.STACK)
                        .withRbx(BootLayout.PVH_START_INFO),
                reset -> reset.withSegments(Gdt.LOADER.code32(), Gdt.LOADER.data())
                        .withTask(Gdt.LOADER.task(), reset.ldt())
                        .withTables(gdt, NO_IDT)
                        .withControl(CR0_PE | CR0_ET, 0, 0, 0));
    }
}
