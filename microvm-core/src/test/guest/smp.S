# Starts all other processors by INIT and start-up IPI; each reports its APIC ID on the device port and halts for good.
        .include "guest.inc"
        .set    LAPIC, 0xfee00000
        .set    APIC_SPURIOUS, 0xf0
        .set    APIC_ICR, 0x300
        .set    INIT_OTHERS, 0xc4500    # all but self, assert, INIT
        .set    START_OTHERS, 0xc4600   # all but self, assert, start-up; the page of the entry is added
        .set    ENTRY, 0x2000           # where the others start, in real mode
        .code32
        .globl  _start
_start:
        cli
        movl    $LAPIC, %ebx
        movl    $0x1ff, APIC_SPURIOUS(%ebx)     # enabled, spurious vector 0xff
        movl    $INIT_OTHERS, APIC_ICR(%ebx)
        movl    $(START_OTHERS + ENTRY / 0x1000), APIC_ICR(%ebx)
        movw    $DEVICE_PORT, %dx
        movb    $0xaa, %al              # ready
        outb    %al, %dx
1:      jmp     1b

        .org    ENTRY - 0x1000
        .code16
other:  cli
        movl    $1, %eax
        cpuid
        shrl    $24, %ebx               # initial APIC ID
        movb    %bl, %al
        movw    $DEVICE_PORT, %dx
        outb    %al, %dx
1:      hlt
        jmp     1b
