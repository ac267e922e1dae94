# The same as a 64-bit ELF file, which is entered in 32-bit mode all the same.
# linked as: ELF
        .set    HEADER_FLAGS, 0x3
        .include "multiboot.inc"
