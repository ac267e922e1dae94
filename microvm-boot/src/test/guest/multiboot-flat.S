# The same as a flat image, whose header says where it goes.
# linked as: image
        .set    HEADER_FLAGS, 0x10003
        .include "multiboot.inc"
