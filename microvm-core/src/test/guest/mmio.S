# Reads a register of each width and writes each value back, plus one, at the next offset of 16.
        .include "guest.inc"
        .code64
        .globl  _start
_start:
        movl    $DEVICE_MMIO, %ebx
        movb    (%rbx), %al
        incb    %al
        movb    %al, 0x10(%rbx)
        movw    (%rbx), %ax
        incw    %ax
        movw    %ax, 0x10(%rbx)
        movl    (%rbx), %eax
        incl    %eax
        movl    %eax, 0x10(%rbx)
        movq    (%rbx), %rax
        incq    %rax
        movq    %rax, 0x10(%rbx)
        exit    0
