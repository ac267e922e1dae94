package dev.microvm.engine.cpu;

import dev.microvm.engine.memory.HostMemory;
import dev.microvm.engine.memory.PhysicalMemory;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.OptionalLong;

/**
 * Translates linear addresses by the guest's page tables. A {@link #walk} is an access: it checks
 * rights and sets accessed and dirty bits. A {@link #lookUp} is a question, which changes nothing.
 * The fields hold the result of the last one.
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

    /** Physical addresses have 40 bits, unless CPUID leaf 0x80000008 says less. */
    static final int PHYSICAL_BITS = 40;

    /** Where 4-MiB pages have bits 32 and up of their address: Intel SDM vol. 3A, table 4-4. */
    private static final int HIGH_ADDRESS_SHIFT = 13;

    private static final long HIGH_ADDRESS = 0x1FF << HIGH_ADDRESS_SHIFT;
    private static final int GIB_SHIFT = 30;

    // What following the tables comes to, beside ERROR_RESERVED
    private static final int FOUND = -1;
    private static final int NOT_PRESENT = 0;

    private static final long LEGACY_ADDRESS = 0xFFFF_FFFFL;

    private final Cpu cpu;
    private final PhysicalMemory memory;

    long physical;
    boolean writable;
    boolean dirty;
    boolean global;

    /** The page's size, as a power of two. */
    int sizeShift;

    // Of the page that was found: the rights that all its entries give, and its own entry
    private long rights;
    private boolean executable;
    private long leaf;

    // The entries on the way to it
    private final long[] entryAddresses = new long[4];
    private int levels;

    PageWalk(Cpu cpu, PhysicalMemory memory) {
        this.cpu = cpu;
        this.memory = memory;
    }

    /**
     * Translates the address of an access.
     *
     * @param access {@link Mmu#READ}, {@link Mmu#WRITE} or {@link Mmu#FETCH}
     * @param user whether the access has user's rights
     * @param heedsSmap whether CR4.SMAP counts for a supervisor's access
     * @return -1, or the error code of a page fault
     */
    int walk(long linear, int access, boolean user, boolean heedsSmap) {
        if (!cpu.paging()) {
            physical = linear & LEGACY_ADDRESS;
            writable = true;
            dirty = true;
            global = false;
            sizeShift = 12;
            return FOUND;
        }
        boolean write = access == Mmu.WRITE;
        boolean fetchIsReported = noExecute() || (cpu.cr4 & SpecialRegisters.CR4_SMEP) != 0;
        int error = (write ? ERROR_WRITE : 0)
                | (user ? ERROR_USER : 0)
                | (access == Mmu.FETCH && fetchIsReported ? ERROR_FETCH : 0);
        int result = find(linear);
        if (result != FOUND) return error | result;
        if (!allowed(access, user, heedsSmap)) return error | ERROR_PRESENT;
        setAccessed(write);
        dirty = write || (leaf & DIRTY) != 0;
        global = (leaf & GLOBAL) != 0 && (cpu.cr4 & SpecialRegisters.CR4_PGE) != 0;
        return FOUND;
    }

    /**
     * The physical address that a linear one has, whoever may access it; empty if there is no page.
     */
    OptionalLong lookUp(long linear) {
        long address = cpu.longMode() ? linear : linear & LEGACY_ADDRESS;
        if (!cpu.paging()) return OptionalLong.of(address);
        return cpu.canonical(address) && find(address) == FOUND ? OptionalLong.of(physical) : OptionalLong.empty();
    }

    /** Whether a pointer of PAE paging cannot be loaded: present, with reserved bits. */
    static boolean invalidPointer(long pointer, Features features) {
        long beyond = ADDRESS & features.beyondPhysical();
        return (pointer & PRESENT) != 0 && (pointer & (PAE_POINTER_RESERVED | beyond)) != 0;
    }

    // Following the tables

    private boolean wide() {
        return (cpu.cr4 & SpecialRegisters.CR4_PAE) != 0;
    }

    private boolean noExecute() {
        return wide() && (cpu.efer & SpecialRegisters.EFER_NXE) != 0;
    }

    /**
     * Finds the page; returns {@link #FOUND}, or what it adds to the error code of a page fault.
     */
    private int find(long linear) {
        levels = 0;
        return wide() ? find64(linear) : find32(linear);
    }

    /** Two levels of 4-byte entries: Intel SDM vol. 3A, 4.3. */
    private int find32(long linear) {
        long directory = read32((cpu.cr3 & 0xFFFF_F000L) + (linear >>> 22 & 0x3FF) * 4);
        if ((directory & PRESENT) == 0) return NOT_PRESENT;
        executable = true;
        boolean large = (directory & LARGE) != 0 && (cpu.cr4 & SpecialRegisters.CR4_PSE) != 0;
        if (large) {
            if ((directory & highAddressReserved()) != 0) return ERROR_PRESENT | ERROR_RESERVED;
            sizeShift = 22;
            rights = directory;
            leaf = directory;
            physical = (directory & 0xFFC0_0000L) | (directory >>> 13 & 0xFF) << 32 | (linear & 0x3F_FFFF);
            return FOUND;
        }
        leaf = read32((directory & 0xFFFF_F000L) + (linear >>> 12 & 0x3FF) * 4);
        if ((leaf & PRESENT) == 0) return NOT_PRESENT;
        sizeShift = 12;
        rights = directory & leaf;
        physical = (leaf & 0xFFFF_F000L) | (linear & 0xFFF);
        return FOUND;
    }

    /** The bits of a 4-MiB page's entry that are no address: all of them without PSE-36. */
    private long highAddressReserved() {
        Features features = cpu.features();
        int bits = features.has(Feature.PSE36) ? Math.max(features.physicalBits() - Integer.SIZE, 0) : 0;
        return HIGH_ADDRESS & -1L << (HIGH_ADDRESS_SHIFT + bits);
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
    private int find64(long linear) {
        long table;
        int shift;
        Features features = cpu.features();
        long alwaysReserved = (ADDRESS & features.beyondPhysical()) | (noExecute() ? 0 : NO_EXECUTE);
        if (cpu.longMode()) {
            table = cpu.cr3 & ADDRESS;
            shift = 39;
        } else {
            long pointer = cpu.control.pagePointer((int) (linear >>> 30 & 3));
            if ((pointer & PRESENT) == 0) return NOT_PRESENT;
            table = pointer & ADDRESS;
            shift = 21;
            alwaysReserved |= PAE_ENTRY_RESERVED;
        }
        rights = WRITABLE | USER;
        executable = true;
        while (true) {
            long entry = read64(table + (linear >>> shift & 0x1FF) * 8);
            if ((entry & PRESENT) == 0) return NOT_PRESENT;
            long reserved = alwaysReserved;
            if (shift == 39 || (shift == GIB_SHIFT && !features.gibPages)) reserved |= LARGE;
            boolean isLeaf = shift == 12 || (entry & LARGE) != 0;
            long offset = (1L << shift) - 1;
            if (isLeaf && shift > 12) reserved |= offset & 0xF_FFFF_E000L; // bit 12 is PAT
            if ((entry & reserved) != 0) return ERROR_PRESENT | ERROR_RESERVED;
            rights &= entry;
            executable &= (entry & NO_EXECUTE) == 0;
            if (isLeaf) {
                leaf = entry;
                sizeShift = shift;
                physical = (entry & ADDRESS & ~offset) | (linear & offset);
                return FOUND;
            }
            table = entry & ADDRESS;
            shift -= 9;
        }
    }

    // The access

    /** Whether the page that was found may be accessed so: Intel SDM vol. 3A, 4.6. */
    private boolean allowed(int access, boolean user, boolean heedsSmap) {
        boolean userPage = (rights & USER) != 0;
        writable = (rights & WRITABLE) != 0 || (!user && (cpu.cr0 & SpecialRegisters.CR0_WP) == 0);
        boolean prevented = !user && userPage && (cpu.cr4 & prevention(access, heedsSmap)) != 0;
        return (userPage || !user)
                && !prevented
                && (access != Mmu.WRITE || writable)
                && (access != Mmu.FETCH || executable);
    }

    /** The bit of CR4 that keeps a supervisor's access from users' pages. */
    private static long prevention(int access, boolean heedsSmap) {
        if (access == Mmu.FETCH) return SpecialRegisters.CR4_SMEP;
        return heedsSmap ? SpecialRegisters.CR4_SMAP : 0;
    }

    /** Sets accessed and dirty bits: Intel SDM vol. 3A, 4.8. */
    private void setAccessed(boolean write) {
        int size = wide() ? Long.BYTES : Integer.BYTES;
        for (int i = 0; i < levels; i++) {
            boolean last = i == levels - 1;
            set(entryAddresses[i], last && write ? ACCESSED | DIRTY : ACCESSED, size);
        }
    }

    /** Sets bits of an entry that other CPUs change too. */
    private void set(long gpa, long bits, int size) {
        long host = memory.hostAddress(gpa);
        if (host == PhysicalMemory.NONE || (HostMemory.get8(host) & bits) == bits || !memory.writable(gpa)) return;
        while (true) {
            if (size == 8) {
                long entry = HostMemory.get64(host);
                if ((entry & bits) == bits || HostMemory.compareAndSet64(host, entry, entry | bits)) return;
            } else {
                int entry = HostMemory.get32(host);
                if ((entry & bits) == bits || HostMemory.compareAndSet32(host, entry, entry | (int) bits)) return;
            }
        }
    }
}
