package dev.microvm.engine.cpu;

import dev.microvm.engine.memory.HostMemory;
import dev.microvm.engine.memory.PhysicalMemory;
import dev.microvm.hypervisor.SpecialRegisters;

/**
 * Translates linear addresses by the guest's page tables, and sets accessed and dirty bits. The fields hold the result
 * of the last walk.
 *
 * <p>Source: Intel SDM vol. 3A, 4.3 to 4.8.
 */
final class PageWalk {
    // Bits of a paging-structure entry: Intel SDM vol. 3A, tables 4-5 to 4-19
    private static final long PRESENT = 1 << 0;
    private static final long WRITABLE = 1 << 1;
    private static final long USER = 1 << 2;
    private static final long ACCESSED = 1 << 5;
    private static final long DIRTY = 1 << 6;
    private static final long LARGE = 1 << 7;
    private static final long GLOBAL = 1 << 8;
    private static final long NO_EXECUTE = 1L << 63;
    private static final long ADDRESS = 0x000F_FFFF_FFFF_F000L;
    private static final long PAE_POINTER_RESERVED = 0xFFF0_0000_0000_01E6L;
    private static final long PAE_ENTRY_RESERVED = 0x7FF0_0000_0000_0000L;

    // Error code of a page fault: Intel SDM vol. 3A, figure 4-12
    static final int ERROR_PRESENT = 1 << 0;
    static final int ERROR_WRITE = 1 << 1;
    static final int ERROR_USER = 1 << 2;
    static final int ERROR_RESERVED = 1 << 3;
    static final int ERROR_FETCH = 1 << 4;

    /** Physical addresses have 40 bits, as CPUID leaf 0x80000008 says. */
    static final int PHYSICAL_BITS = 40;

    private static final long BEYOND_PHYSICAL = ADDRESS & -(1L << PHYSICAL_BITS);

    private final Cpu cpu;
    private final PhysicalMemory memory;

    long physical;
    boolean writable;
    boolean dirty;
    boolean global;

    /** The page's size, as a power of two. */
    int sizeShift;

    // The entries on the way, of the walk under way
    private final long[] entryAddresses = new long[4];
    private int levels;
    private boolean wide; // entries have 8 bytes, not 4

    PageWalk(Cpu cpu, PhysicalMemory memory) {
        this.cpu = cpu;
        this.memory = memory;
    }

    /**
     * Translates one address, and sets accessed and dirty bits on the way: Intel SDM vol. 3A, 4.8.
     *
     * @param access {@link Mmu#READ}, {@link Mmu#WRITE} or {@link Mmu#FETCH}
     * @param user whether the access has user's rights
     * @return -1, or the error code of a page fault
     */
    int walk(long linear, int access, boolean user) {
        int error = find(linear, access, user);
        if (error < 0) markUsed(access);
        return error;
    }

    /** Translates one address whatever its rights, and changes nothing in memory; says whether it is mapped. */
    boolean probe(long linear) {
        return find(linear, Mmu.READ, /* user= */ false) < 0; // a supervisor may read whatever is mapped
    }

    private int find(long linear, int access, boolean user) {
        levels = 0;
        if (!cpu.paging()) {
            physical = linear & 0xFFFF_FFFFL;
            writable = true;
            dirty = true;
            global = false;
            sizeShift = 12;
            return -1;
        }
        wide = (cpu.cr4 & SpecialRegisters.CR4_PAE) != 0;
        boolean noExecute = wide && (cpu.efer & SpecialRegisters.EFER_NXE) != 0;
        int error = (access == Mmu.WRITE ? ERROR_WRITE : 0)
                | (user ? ERROR_USER : 0)
                | (access == Mmu.FETCH && (noExecute || (cpu.cr4 & SpecialRegisters.CR4_SMEP) != 0) ? ERROR_FETCH : 0);
        if (!wide) return walk32(linear, access, user, error);
        return walk64(linear, access, user, error, noExecute);
    }

    /** Whether a pointer of PAE paging cannot be loaded: present, with reserved bits. */
    static boolean invalidPointer(long pointer) {
        return (pointer & PRESENT) != 0 && (pointer & (PAE_POINTER_RESERVED | BEYOND_PHYSICAL)) != 0;
    }

    /** Two levels of 4-byte entries: Intel SDM vol. 3A, 4.3. */
    private int walk32(long linear, int access, boolean user, int error) {
        long directory = read32((cpu.cr3 & 0xFFFF_F000L) + (linear >>> 22 & 0x3FF) * 4);
        if ((directory & PRESENT) == 0) return error;
        long rights = directory;
        long leaf = directory;
        sizeShift = 12;
        boolean large = (directory & LARGE) != 0 && (cpu.cr4 & SpecialRegisters.CR4_PSE) != 0;
        if (large) {
            sizeShift = 22;
            if ((directory & 1 << 21) != 0) return error | ERROR_PRESENT | ERROR_RESERVED;
            physical = (directory & 0xFFC0_0000L) | (directory >>> 13 & 0xFF) << 32 | (linear & 0x3F_FFFF);
        } else {
            leaf = read32((directory & 0xFFFF_F000L) + (linear >>> 12 & 0x3FF) * 4);
            if ((leaf & PRESENT) == 0) return error;
            rights &= leaf;
            physical = (leaf & 0xFFFF_F000L) | (linear & 0xFFF);
        }
        return finish(rights, leaf, false, access, user, error);
    }

    private long read32(long gpa) {
        entryAddresses[levels++] = gpa;
        long host = memory.hostAddress(gpa);
        return host == PhysicalMemory.NONE ? 0 : HostMemory.get32(host) & 0xFFFF_FFFFL;
    }

    private long read64(long gpa) {
        entryAddresses[levels++] = gpa;
        long host = memory.hostAddress(gpa);
        return host == PhysicalMemory.NONE ? 0 : HostMemory.get64(host);
    }

    /** Three or four levels of 8-byte entries: Intel SDM vol. 3A, 4.4 and 4.5. */
    private int walk64(long linear, int access, boolean user, int error, boolean noExecute) {
        long table;
        int shift;
        long beyond = BEYOND_PHYSICAL;
        if ((cpu.efer & SpecialRegisters.EFER_LMA) != 0) {
            table = cpu.cr3 & ADDRESS;
            shift = 39;
        } else {
            long pointer = cpu.pagePointers[(int) (linear >>> 30 & 3)];
            if ((pointer & PRESENT) == 0) return error;
            table = pointer & ADDRESS;
            shift = 21;
            beyond |= PAE_ENTRY_RESERVED;
        }
        long rights = WRITABLE | USER;
        boolean executable = true;
        while (true) {
            long entry = read64(table + (linear >>> shift & 0x1FF) * 8);
            if ((entry & PRESENT) == 0) return error;
            long reserved = beyond | (noExecute ? 0 : NO_EXECUTE);
            if (shift == 39) reserved |= LARGE;
            boolean leaf = shift == 12 || (entry & LARGE) != 0;
            long offset = (1L << shift) - 1;
            if (leaf && shift > 12) reserved |= offset & 0xF_FFFF_E000L; // bit 12 is PAT
            if ((entry & reserved) != 0) return error | ERROR_PRESENT | ERROR_RESERVED;
            rights &= entry;
            executable &= (entry & NO_EXECUTE) == 0;
            if (leaf) {
                sizeShift = shift;
                physical = (entry & ADDRESS & ~offset) | (linear & offset);
                return finish(rights, entry, !executable, access, user, error);
            }
            table = entry & ADDRESS;
            shift -= 9;
        }
    }

    /** Checks rights: Intel SDM vol. 3A, 4.6. */
    private int finish(long rights, long leaf, boolean noExecute, int access, boolean user, int error) {
        boolean userPage = (rights & USER) != 0;
        writable = (rights & WRITABLE) != 0 || (!user && (cpu.cr0 & SpecialRegisters.CR0_WP) == 0);
        boolean smep = !user && userPage && (cpu.cr4 & SpecialRegisters.CR4_SMEP) != 0;
        boolean allowed = (userPage || !user)
                && (access != Mmu.WRITE || writable)
                && (access != Mmu.FETCH || (!noExecute && !smep));
        if (!allowed) return error | ERROR_PRESENT;
        dirty = access == Mmu.WRITE || (leaf & DIRTY) != 0;
        global = (leaf & GLOBAL) != 0 && (cpu.cr4 & SpecialRegisters.CR4_PGE) != 0;
        return -1;
    }

    private void markUsed(int access) {
        for (int i = 0; i < levels; i++) {
            boolean last = i == levels - 1;
            set(entryAddresses[i], last && access == Mmu.WRITE ? ACCESSED | DIRTY : ACCESSED);
        }
    }

    /** Sets bits of an entry that other CPUs change too. */
    private void set(long gpa, long bits) {
        long host = memory.hostAddress(gpa);
        if (host == PhysicalMemory.NONE || (HostMemory.get8(host) & bits) == bits || !memory.writable(gpa)) return;
        while (true) {
            if (wide) {
                long entry = HostMemory.get64(host);
                if ((entry & bits) == bits || HostMemory.compareAndSet64(host, entry, entry | bits)) return;
            } else {
                int entry = HostMemory.get32(host);
                if ((entry & bits) == bits || HostMemory.compareAndSet32(host, entry, entry | (int) bits)) return;
            }
        }
    }
}
