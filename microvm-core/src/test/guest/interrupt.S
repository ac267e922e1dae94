# Takes three interrupts of irq 4 through the PIC, halting in between, and reports each on the device port.
        .include "guest.inc"
        .set    VECTOR, 0x20            # of irq 0, as programmed below
        .set    IRQ, 4
        .set    STACK, 0x7000
        .code16
        .globl  _start
_start:
        cli
        movw    $STACK, %sp
        movw    $handler, (VECTOR + IRQ) * 4
        movw    $0, (VECTOR + IRQ) * 4 + 2
        movb    $0x11, %al              # ICW1: cascade, ICW4 follows
        outb    %al, $0x20
        movb    $VECTOR, %al            # ICW2
        outb    %al, $0x21
        movb    $0x04, %al              # ICW3: slave at irq 2
        outb    %al, $0x21
        movb    $0x01, %al              # ICW4: 8086 mode
        outb    %al, $0x21
        movb    $(0xff & ~(1 << IRQ)), %al
        outb    %al, $0x21
        movw    $DEVICE_PORT, %dx
        movb    $0xaa, %al              # ready
        outb    %al, %dx
        xorw    %cx, %cx
wait:   sti
        hlt
        cli
        cmpw    $3, %cx
        jb      wait
        exit    7
handler:
        incw    %cx
        movb    %cl, %al
        outb    %al, %dx
        movb    $0x20, %al              # EOI
        outb    %al, $0x20
        iret
