package dev.microvm.boot.tables;

import dev.microvm.memory.GuestMemory;
import java.util.Arrays;
import java.util.Objects;

/**
 * The page that a kernel started by the Linux boot protocol reads first: {@code struct
 * boot_params}. Each method writes its fields to guest memory at once. For one thread.
 *
 * <p>Source: Linux Documentation/arch/x86/zero-page.rst, Documentation/arch/x86/boot.rst,
 * arch/x86/include/uapi/asm/bootparam.h; names are theirs. Not filled in: screen, drives, EFI, EDD.
 */
public final class ZeroPage {
    /** Size in bytes. */
    public static final int SIZE = 4096;

    private static final int ACPI_RSDP_ADDR = 0x070; // 8 bytes
    private static final int E820_ENTRIES = 0x1E8; // 1 byte
    private static final int E820_TABLE = 0x2D0; // entries of 20 bytes: address, size, type

    // struct setup_header, which begins at 0x1f1 as it does in a bzImage
    private static final int SETUP_HEADER = 0x1F1;
    private static final int SETUP_HEADER_MAX_SIZE = 0x290 - SETUP_HEADER; // up to edd_mbr_sig_buffer
    private static final int BOOT_FLAG = 0x1FE; // 2 bytes
    private static final int HEADER = 0x202; // 4 bytes
    private static final int VERSION = 0x206; // 2 bytes
    private static final int TYPE_OF_LOADER = 0x210; // 1 byte
    private static final int LOADFLAGS = 0x211; // 1 byte
    private static final int RAMDISK_IMAGE = 0x218; // 4 bytes
    private static final int RAMDISK_SIZE = 0x21C; // 4 bytes
    private static final int CMD_LINE_PTR = 0x228; // 4 bytes
    private static final int INITRD_ADDR_MAX = 0x22C; // 4 bytes
    private static final int KERNEL_ALIGNMENT = 0x230; // 4 bytes
    private static final int CMDLINE_SIZE = 0x238; // 4 bytes

    private static final int BOOT_FLAG_VALUE = 0xAA55;
    private static final int HEADER_VALUE = 0x53726448; // "HdrS"
    private static final int PROTOCOL_2_15 = 0x20F;
    private static final int LOADED_HIGH = 1 << 0;
    private static final int UNDEFINED_LOADER = 0xFF; // type_of_loader without an assigned number
    private static final int DEFAULT_KERNEL_ALIGNMENT = 0x20_0000; // CONFIG_PHYSICAL_ALIGN of x86-64

    private final GuestMemory memory;
    private final long address;

    /** Clears the page at {@code address}. */
    public ZeroPage(GuestMemory memory, long address) {
        Objects.requireNonNull(memory, "memory");
        this.memory = memory;
        this.address = address;
        memory.slice(address, SIZE).fill((byte) 0);
    }

    /** Copies a bzImage's setup header, given from its offset 0x1f1 on. */
    public ZeroPage setupHeader(byte[] header) {
        Objects.requireNonNull(header, "header");
        int size = Math.min(header.length, SETUP_HEADER_MAX_SIZE);
        memory.write(address + SETUP_HEADER, Arrays.copyOf(header, size));
        memory.putByte(address + TYPE_OF_LOADER, UNDEFINED_LOADER);
        return this;
    }

    /** Writes a default setup header, for a kernel whose file has none. */
    public ZeroPage defaultSetupHeader(long initrdAddrMax, int cmdlineSize) {
        memory.putShort(address + BOOT_FLAG, BOOT_FLAG_VALUE);
        memory.putInt(address + HEADER, HEADER_VALUE);
        memory.putShort(address + VERSION, PROTOCOL_2_15);
        memory.putByte(address + TYPE_OF_LOADER, UNDEFINED_LOADER);
        memory.putByte(address + LOADFLAGS, LOADED_HIGH);
        memory.putInt(address + INITRD_ADDR_MAX, (int) initrdAddrMax);
        memory.putInt(address + KERNEL_ALIGNMENT, DEFAULT_KERNEL_ALIGNMENT);
        memory.putInt(address + CMDLINE_SIZE, cmdlineSize);
        return this;
    }

    /** Sets the address of the zero-terminated command line, below 4 GiB. */
    public ZeroPage cmdline(long cmdline) {
        memory.putInt(address + CMD_LINE_PTR, (int) cmdline);
        return this;
    }

    /**
     * Sets the address of the initrd, below 4 GiB, and its size in bytes; 0 and 0 if there is none.
     */
    public ZeroPage initrd(long initrd, long size) {
        memory.putInt(address + RAMDISK_IMAGE, (int) initrd);
        memory.putInt(address + RAMDISK_SIZE, (int) size);
        return this;
    }

    /** Sets the address of the ACPI root pointer; 0 if there is none. */
    public ZeroPage rsdp(long rsdp) {
        memory.putLong(address + ACPI_RSDP_ADDR, rsdp);
        return this;
    }

    /** Writes the memory map. */
    public ZeroPage memoryMap(E820Map map) {
        Objects.requireNonNull(map, "map");
        memory.putByte(address + E820_ENTRIES, map.entries().size());
        memory.write(address + E820_TABLE, map.bytes());
        return this;
    }
}
