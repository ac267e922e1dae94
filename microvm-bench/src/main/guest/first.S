# A kernel with a PVH entry that ends the machine by its first instructions.
        .set    EXIT_PORT, 0xf4
        .set    NOTE_PHYS32_ENTRY, 18   # XEN_ELFNOTE_PHYS32_ENTRY

        .section .note.Xen, "a", @note
        .long   4, 4, NOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   _start

        .text
        .code32
        .globl  _start
_start: xorl    %eax, %eax
        outb    %al, $EXIT_PORT
1:      hlt
        jmp     1b
