package dev.microvm.boot;

import dev.microvm.boot.image.SetupHeader;
import dev.microvm.boot.tables.E820Map;
import java.util.Optional;

/**
 * What the Linux boot protocol and PVH hand to a kernel.
 *
 * @param entry address of its first instruction
 * @param setupHeader its bzImage's header, where it was one
 * @param initrd address of the initrd
 * @param initrdSize its size in bytes; 0 if there is none
 * @param rsdp address of the ACPI root pointer; 0 if there is none
 * @param memoryMap the memory map
 */
record BootParameters(
        long entry, Optional<SetupHeader> setupHeader, long initrd, long initrdSize, long rsdp, E820Map memoryMap) {}
