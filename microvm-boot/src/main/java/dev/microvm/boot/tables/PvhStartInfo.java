package dev.microvm.boot.tables;

import dev.microvm.memory.GuestMemory;
import java.util.Objects;

/**
 * The structure that a PVH kernel reads first: {@code struct hvm_start_info}, followed by the
 * memory map and the list of modules. Each method writes its fields to guest memory at once. For
 * one thread.
 *
 * <p>Source: Xen public/arch-x86/hvm/start_info.h; names are its names.
 */
public final class PvhStartInfo {
    /** Maximum size in bytes, with the memory map and the list of modules. */
    public static final int MAX_SIZE = 4096;

    private static final int XEN_HVM_START_MAGIC_VALUE = 0x336EC578;
    private static final int VERSION_VALUE = 1; // the first that has a memory map

    private static final int MAGIC = 0; // 4 bytes
    private static final int VERSION = 4; // 4 bytes
    private static final int NR_MODULES = 12; // 4 bytes
    private static final int MODLIST_PADDR = 16; // 8 bytes
    private static final int CMDLINE_PADDR = 24; // 8 bytes
    private static final int RSDP_PADDR = 32; // 8 bytes
    private static final int MEMMAP_PADDR = 40; // 8 bytes
    private static final int MEMMAP_ENTRIES = 48; // 4 bytes

    // struct hvm_modlist_entry: address, size, command line, reserved; 8 bytes each
    private static final int MODULE = 0x40; // where the one module is, counted from the start
    private static final int MODULE_SIZE = 8;

    // struct hvm_memmap_table_entry: address and size of 8 bytes, type and reserved of 4
    private static final int MEMMAP = 0x80; // where the map is, counted from the start
    private static final int MEMMAP_ENTRY_SIZE = 24;

    private final GuestMemory memory;
    private final long address;

    /** Begins the structure at {@code address}. */
    public PvhStartInfo(GuestMemory memory, long address) {
        Objects.requireNonNull(memory, "memory");
        this.memory = memory;
        this.address = address;
        memory.slice(address, MAX_SIZE).fill((byte) 0);
        memory.putInt(address + MAGIC, XEN_HVM_START_MAGIC_VALUE);
        memory.putInt(address + VERSION, VERSION_VALUE);
    }

    /** Sets the address of the zero-terminated command line. */
    public PvhStartInfo cmdline(long cmdline) {
        memory.putLong(address + CMDLINE_PADDR, cmdline);
        return this;
    }

    /** Sets address and size in bytes of the initrd, the only module. */
    public PvhStartInfo initrd(long initrd, long size) {
        memory.putInt(address + NR_MODULES, 1);
        memory.putLong(address + MODLIST_PADDR, address + MODULE);
        memory.putLong(address + MODULE, initrd);
        memory.putLong(address + MODULE + MODULE_SIZE, size);
        return this;
    }

    /** Sets the address of the ACPI root pointer; 0 if there is none. */
    public PvhStartInfo rsdp(long rsdp) {
        memory.putLong(address + RSDP_PADDR, rsdp);
        return this;
    }

    /** Writes the memory map. */
    public PvhStartInfo memoryMap(E820Map map) {
        Objects.requireNonNull(map, "map");
        memory.putLong(address + MEMMAP_PADDR, address + MEMMAP);
        memory.putInt(address + MEMMAP_ENTRIES, map.entries().size());
        long at = address + MEMMAP;
        for (E820Map.Entry entry : map.entries()) {
            memory.putLong(at, entry.start());
            memory.putLong(at + 8, entry.size());
            memory.putInt(at + 16, entry.type().code());
            at += MEMMAP_ENTRY_SIZE;
        }
        return this;
    }
}
