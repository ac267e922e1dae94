# Reads the device port for ever; EAX is always what came last.
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        movw    $DEVICE_PORT, %dx
1:      inl     %dx, %eax
        jmp     1b
