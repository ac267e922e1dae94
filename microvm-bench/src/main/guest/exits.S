# Nothing but exits: ECX turns of 16 accesses each. EBX says which: 0 port write, 1 port read, 2 MMIO write, 3 MMIO read.
# Sixteen in a row, because where KVM emulates guest code the loop's own instructions would cost as much as the exits.
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        movl    $DEVICE_MMIO, %esi
        movw    $DEVICE_PORT, %dx
        cmpl    $1, %ebx
        jb      port_write
        je      port_read
        cmpl    $3, %ebx
        jb      mmio_write
        jmp     mmio_read

.macro accesses access:vararg
        .rept   16
        \access
        .endr
        decl    %ecx
.endm
port_write:
        accesses outb %al, %dx
        jnz     port_write
        exit
port_read:
        accesses inb %dx, %al
        jnz     port_read
        exit
mmio_write:
        accesses movl %eax, (%esi)
        jnz     mmio_write
        exit
mmio_read:
        accesses movl (%esi), %eax
        jnz     mmio_read
        exit
