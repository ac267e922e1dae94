# A kernel with a PVH entry that does one hostile thing for ever. The first letter of the command line says which: t
# (translations), p (patches), r (resets), anything else: prints.
        .set    COM1, 0x3f8             # 16550: data
        .set    NOTE_PHYS32_ENTRY, 18   # XEN_ELFNOTE_PHYS32_ENTRY
        .set    START_INFO_CMDLINE, 24  # struct hvm_start_info, cmdline_paddr: Xen, xen/arch-x86/hvm/start_info.h
        .set    FIRST, 2 << 20
        .set    LAST, 250 << 20         # of 256 MiB

        .section .note.Xen, "a", @note
        .long   4, 4, NOTE_PHYS32_ENTRY
        .asciz  "Xen"
        .long   _start

        .text
        .code32
        .globl  _start
_start: cld
        movl    $stack, %esp
        movl    START_INFO_CMDLINE(%ebx), %esi
        movb    (%esi), %al
        cmpb    $'t', %al
        je      translations
        cmpb    $'p', %al
        je      patches
        cmpb    $'r', %al
        je      resets
        movl    $COM1, %edx
        movb    $'x', %al
1:      outb    %al, %dx
        jmp     1b

# Fills memory with CWDE, and RET at each 25th byte, and calls each byte: all of them begin code of their own.
translations:
        movl    $FIRST, %edi
1:      movl    $24, %ecx
        movb    $0x98, %al
        rep stosb
        movb    $0xc3, %al
        stosb
        cmpl    $LAST, %edi
        jb      1b
2:      movl    $FIRST, %esi
3:      call    *%esi
        incl    %esi
        cmpl    $LAST, %esi
        jb      3b
        jmp     2b

# Changes the instruction that comes next, so that it is never what it was.
patches:
        incl    1f + 1
1:      movl    $0, %eax
        jmp     patches

# An exception without a table of handlers shuts the CPU down.
resets: lidt    no_handlers
        ud2

no_handlers:
        .word   0
        .long   0

        .bss
        .balign 16
        .skip   4096
stack:
