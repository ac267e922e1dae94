# Takes message-signalled interrupts with vector 0x40; ES spans the local APIC. Reports each on the device port.
        .include "guest.inc"
        .set    VECTOR, 0x40
        .set    APIC_SPURIOUS, 0xf0
        .set    APIC_EOI, 0xb0
        .set    STACK, 0x7000
        .code16
        .globl  _start
_start:
        cli
        movw    $STACK, %sp
        movw    $handler, VECTOR * 4
        movw    $0, VECTOR * 4 + 2
        movl    $0x1ff, %eax            # enabled, spurious vector 0xff
        movl    %eax, %es:APIC_SPURIOUS
        movw    $DEVICE_PORT, %dx
        movb    $0xaa, %al              # ready
        outb    %al, %dx
        xorw    %cx, %cx
wait:   sti
        hlt
        cli
        cmpw    $3, %cx
        jb      wait
        exit    8
handler:
        incw    %cx
        movb    %cl, %al
        outb    %al, %dx
        xorl    %eax, %eax
        movl    %eax, %es:APIC_EOI
        iret
