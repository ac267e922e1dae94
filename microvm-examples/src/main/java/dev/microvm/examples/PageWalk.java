package dev.microvm.examples;

import static dev.microvm.hypervisor.SpecialRegisters.CR0_PE;
import static dev.microvm.hypervisor.SpecialRegisters.CR0_PG;
import static dev.microvm.hypervisor.SpecialRegisters.CR4_PAE;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LMA;
import static dev.microvm.hypervisor.SpecialRegisters.EFER_LME;

import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.memory.GuestMemory;

/**
 * Lesson 5: virtual memory. Builds page tables, walks them as a CPU does, and lets the guest load
 * from a virtual address: Intel SDM vol. 3A, 4.5, "4-level paging".
 */
public final class PageWalk {
    private static final long TABLES = 0x10000; // one table for each level, the top one first
    private static final long TABLE_SIZE = 0x1000;
    private static final int LEVELS = 4;
    private static final int ENTRY_SIZE = 8;
    private static final int INDEX = 0x1ff; // an index has 9 bits
    private static final int OFFSET = 0xfff; // the last 12 bits of an address
    private static final long PRESENT_WRITABLE = 0b11;
    private static final long PAGE_OF_ENTRY = 0x000f_ffff_ffff_f000L; // bits 51 to 12

    private static final long VIRTUAL = 0x5018;
    private static final long PHYSICAL = 0x9018;
    private static final byte[] PROGRAM = MachineCode.of("""
            48 8b 04 25 18 50 00 00  1000: mov rax, [5018h]
            f4                       1008: hlt
            """);

    private PageWalk() {}

    /** Maps, walks, loads. */
    public static void main(String[] args) {
        try (TinyMachine machine = new TinyMachine(TinyMachine.hypervisor(), PROGRAM)) {
            GuestMemory memory = machine.memory();
            map(memory, TinyMachine.START, TinyMachine.START); // the program, where it is
            map(memory, VIRTUAL, PHYSICAL);
            memory.putLong(PHYSICAL, 42);

            Vcpu vcpu = machine.vcpu();
            SegmentRegister data = SegmentRegister.flat32(16, SegmentRegister.TYPE_DATA);
            vcpu.specialRegisters(vcpu.specialRegisters()
                    .withSegments(SegmentRegister.code64(8), data)
                    .withControl(
                            vcpu.specialRegisters().cr0() | CR0_PE | CR0_PG, TABLES, CR4_PAE, EFER_LME | EFER_LMA));

            System.out.printf("our walk leads to   %x%n", walk(memory, VIRTUAL));
            System.out.printf("the vCPU's leads to %x%n", vcpu.translate(VIRTUAL));
            vcpu.run(NoDevices.HANDLER);
            System.out.printf("the guest loads     %d%n", vcpu.registers().rax());
        }
    }

    /** Maps a page. All our pages are in the first 2 MiB, so each level has one table. */
    private static void map(GuestMemory memory, long virtual, long physical) {
        for (int level = LEVELS; level > 1; level--) {
            memory.putLong(entry(table(level), virtual, level), table(level - 1) | PRESENT_WRITABLE);
        }
        memory.putLong(entry(table(1), virtual, 1), (physical & PAGE_OF_ENTRY) | PRESENT_WRITABLE);
    }

    /** Follows the tables from CR3 down; each entry is the address of the next table. */
    private static long walk(GuestMemory memory, long virtual) {
        long next = TABLES;
        for (int level = LEVELS; level >= 1; level--) {
            long at = entry(next, virtual, level);
            long entry = memory.getLong(at);
            System.out.printf(
                    "level %d: entry %3d of the table at %x is %x%n", level, index(virtual, level), next, entry);
            next = entry & PAGE_OF_ENTRY;
        }
        return next | (virtual & OFFSET);
    }

    private static long table(int level) {
        return TABLES + (LEVELS - level) * TABLE_SIZE;
    }

    private static long entry(long table, long virtual, int level) {
        return table + (long) ENTRY_SIZE * index(virtual, level);
    }

    private static int index(long virtual, int level) {
        return (int) (virtual >> (12 + 9 * (level - 1))) & INDEX;
    }
}
