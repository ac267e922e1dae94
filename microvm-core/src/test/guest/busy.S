# 64-bit mode: reads from the device port how to be busy, says that it is ready, and never does anything else.
        .include "guest.inc"
        .set    GDT, 0x5000
        .set    IDT, 0x6000
        .set    TSS, 0x7000
        .set    STACK, 0x9000
        .set    CODE, 0x8
        .set    TASK, 0x10
        .set    INVALID_OPCODE, 6
        .set    PAGE_FAULT, 14
        .set    PRESENT_INTERRUPT_GATE, 0x8e
        .code64
        .globl  _start
_start:
        cli
        movl    $STACK, %esp
        movw    $DEVICE_PORT, %dx
        inb     %dx, %al
        movzbl  %al, %ecx
        movb    $0xaa, %al              # ready
        outb    %al, %dx
        cld
        jmpq    *ways(, %rcx, 8)

spin:   jmp     spin

halt:   hlt                             # with interrupts off
        jmp     halt

wait:   sti
        hlt
        jmp     wait

fill:   movl    $DEVICE_MMIO, %edi      # registers of a device, as if they were memory
        movl    $0xffffff, %ecx
        rep     stosl
        jmp     fill

copy:   movl    $DEVICE_MMIO, %esi
        movl    $STACK, %edi
        movl    $0xffff, %ecx
        rep     movsb
        jmp     copy

input:  movl    $STACK, %edi
        movl    $0xffff, %ecx
        rep     insb
        jmp     input

compare:
        movl    $STACK, %esi            # memory of zeros, for ever alike
        movl    $STACK, %edi
        movl    $0x10000, %ecx
        repe    cmpsb
        jmp     compare

invalid:                                # the handler of an invalid opcode is one
        movl    $undefined, %eax
        movl    $(IDT + INVALID_OPCODE * 16), %edi
        call    gate
        call    tables
undefined:
        movl    $STACK, %esp
        ud2

absent: movabsq $0x4000000000, %rax     # the handler of page faults is where no page is; its stack is good
        movl    $(IDT + PAGE_FAULT * 16), %edi
        call    gate
        movb    $1, 4(%rdi)             # IST 1
        movl    $STACK, TSS + 0x24
        movabsq $(0x0000890000000067 | TSS << 16), %rbx
        movq    %rbx, GDT + TASK
        movq    $0, GDT + TASK + 8
        movw    $TASK, %bx
        call    tables
        ltr     %bx
        jmpq    *%rax

# Makes an interrupt gate at RDI for the handler at RAX.
gate:   movw    %ax, (%rdi)
        movw    $CODE, 2(%rdi)
        movw    $(PRESENT_INTERRUPT_GATE << 8), 4(%rdi)
        movq    %rax, %rdx
        shrq    $16, %rdx
        movw    %dx, 6(%rdi)
        shrq    $16, %rdx
        movl    %edx, 8(%rdi)
        ret

tables: movabsq $0x00af9b000000ffff, %rdx
        movq    %rdx, GDT + CODE
        lgdt    gdtr
        lidt    idtr
        ret

gdtr:   .word   0x1f
        .quad   GDT
idtr:   .word   0xfff
        .quad   IDT
        .balign 8
ways:   .quad   spin, halt, wait, fill, copy, input, compare, invalid, absent
