# A loop of one port write and one MMIO write, for ECX turns each: what benchmarks and load tests run.
        .include "guest.inc"
        .code32
        .globl  _start
_start:
        movl    $DEVICE_MMIO, %ebx
        movw    $DEVICE_PORT, %dx
        movl    %ecx, %esi
ports:  outb    %al, %dx
        decl    %ecx
        jnz     ports
        outb    %al, $0xf5              # half-way mark
mmio:   movl    %eax, (%ebx)
        decl    %esi
        jnz     mmio
        exit    0
