# A Multiboot kernel that reports what it finds (see multiboot.inc), as a 32-bit ELF file. It wants its modules
# page-aligned and a memory map.
# linked as: ELF32
        .set    HEADER_FLAGS, 0x3
        .include "multiboot.inc"
