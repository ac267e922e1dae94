# Arms the timer of the local APIC, at which ES begins, and halts. The device port gives the table entry, and the count to
# start from; or 0 and how far away a TSC deadline is. Reports, each on the device port: the time-stamp counter (low half,
# high half) before the timer is armed, that it is ready, and the counter at each of the timer's interrupts. Reports a
# message with vector 0x41 too.
        .include "guest.inc"
        .set    TIMER_VECTOR, 0x40
        .set    MESSAGE_VECTOR, 0x41
        .set    APIC_EOI, 0xb0
        .set    APIC_SPURIOUS, 0xf0
        .set    APIC_LVT_TIMER, 0x320
        .set    APIC_INITIAL_COUNT, 0x380
        .set    APIC_DIVIDE, 0x3e0
        .set    DIVIDE_BY_1, 0xb
        .set    IA32_TSC_DEADLINE, 0x6e0
        .set    STACK, 0x7000
        .code16
        .globl  _start
_start:
        cli
        movw    $STACK, %sp
        movw    $expired, TIMER_VECTOR * 4
        movw    $0, TIMER_VECTOR * 4 + 2
        movw    $message, MESSAGE_VECTOR * 4
        movw    $0, MESSAGE_VECTOR * 4 + 2
        movl    $0x1ff, %eax            # enabled, spurious vector 0xff
        movl    %eax, %es:APIC_SPURIOUS
        movl    $DIVIDE_BY_1, %eax
        movl    %eax, %es:APIC_DIVIDE
        movw    $DEVICE_PORT, %dx
        inl     %dx, %eax
        movl    %eax, %es:APIC_LVT_TIMER
        inl     %dx, %eax
        movl    %eax, %ebx              # the count
        inl     %dx, %eax
        movl    %eax, %esi              # how far away the deadline is
        call    report
        orl     %ebx, %ebx
        jz      1f
        movl    %ebx, %es:APIC_INITIAL_COUNT
        jmp     2f
1:      rdtsc
        addl    %esi, %eax
        adcl    $0, %edx
        movl    $IA32_TSC_DEADLINE, %ecx
        wrmsr
2:      movw    $DEVICE_PORT, %dx
        movb    $0xaa, %al              # ready
        outb    %al, %dx
3:      sti
        hlt
        jmp     3b

report: rdtsc
        movl    %edx, %edi
        movw    $DEVICE_PORT, %dx
        outl    %eax, %dx
        movl    %edi, %eax
        outl    %eax, %dx
        ret

expired:
        call    report
        jmp     end
message:
        movw    $DEVICE_PORT, %dx
        movb    $0xbb, %al
        outb    %al, %dx
end:    xorl    %eax, %eax
        movl    %eax, %es:APIC_EOI
        iret
