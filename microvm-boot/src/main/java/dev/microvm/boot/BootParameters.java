package dev.microvm.boot;

import dev.microvm.boot.image.SetupHeader;
import dev.microvm.boot.tables.E820Map;
import java.util.Optional;

/**
 * The data that the Linux boot protocol and PVH pass to a kernel.
 *
 * @param entry address of its first instruction
 * @param setupHeader the header of its bzImage; empty if it is none
 * @param initrd address of the initrd
 * @param initrdSize its size in bytes; 0 if there is none
 * @param rsdp address of the ACPI root pointer; 0 if there is none
 * @param memoryMap the memory map
 */
record BootParameters(
        long entry, Optional<SetupHeader> setupHeader, long initrd, long initrdSize, long rsdp, E820Map memoryMap) {}
