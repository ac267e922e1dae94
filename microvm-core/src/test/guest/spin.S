# Says that it is ready, then spins with interrupts off.
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        cli
        movw    $DEVICE_PORT, %dx
        movb    $0xaa, %al
        outb    %al, %dx
1:      jmp     1b
