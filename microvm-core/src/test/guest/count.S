# Counts for ever at the address in ESI, and leaves there the time-stamp counter too (low half, high half).
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        incl    (%esi)
        rdtsc
        movl    %eax, 4(%esi)
        movl    %edx, 8(%esi)
        jmp     _start
