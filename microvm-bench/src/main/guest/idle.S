# Says that it runs, then halts for good: interrupts are off.
        .include "guest.inc"
        .code32
        .globl  _start
_start: movw    $DEVICE_PORT, %dx
        outb    %al, %dx
0:      hlt
        jmp     0b
