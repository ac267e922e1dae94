# 32-bit protected mode without paging: writes a greeting by one string instruction.
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        movl    $greeting, %esi
        movl    $(end - greeting), %ecx
        movw    $COM1, %dx
        cld
        rep outsb
        exit    43
greeting:
        .ascii  "hello from 32 bits\n"
end:
