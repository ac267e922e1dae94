# Rings an MMIO doorbell that matches, one that does not, and a port doorbell.
        .include "guest.inc"
        .set    DOORBELL_PORT, 0x510
        .code32
        .globl  _start
_start:
        movl    $DEVICE_MMIO, %ebx
        movl    $1, %eax
        movl    %eax, (%ebx)
        movl    $2, %eax
        movl    %eax, (%ebx)
        movw    $DOORBELL_PORT, %dx
        movb    $9, %al
        outb    %al, %dx
        exit    0
