# The 8254 interval timer: counter 0 and its interrupt, counter 2 behind port 0x61.
# linked as: ELF
        .include "pc.inc"
        .set    MILLISECOND, 1193       # clocks at 1,193,182 Hz
        .set    LATCH_2, 0x80           # counter latch command, counter 2
        .set    READ_BACK_2, 0xc8       # read-back command: count and status of counter 2
        .set    READ_BACK_STATUS_0, 0xe2        # of counter 0, the status alone
        .set    STATUS_OUTPUT, 0x80
        .set    STATUS_MODE, 0x3f       # access, mode, BCD
        .set    RETRIES, 100
        .set    PORT_B_GATE_2, 0x01
        .set    PORT_B_OUTPUT_2, 0x20

# Mode 2, a rate: one interrupt after another.
scenario mode2
        pit_program 0, 2, MILLISECOND
        pic_allow 1<<0
        jmp     five_irqs

# Mode 3, a square wave: the same, for the output rises once a period.
scenario mode3
        pit_program 0, 3, MILLISECOND
        pic_allow 1<<0
five_irqs:
        movl    $5, %ebp
1:      expect_irq
        decl    %ebp
        jnz     1b
        ret

# Mode 0, terminal count: one interrupt a count; the output stays high and interrupts no more.
scenario mode0
        pic_allow 1<<0
        pit_program 0, 0, MILLISECOND
        expect_irq
        call    show_output_0
        look_and_show
        out     PIT_COUNTER_0, MILLISECOND & 0xff       # a new count: the output falls
        out     PIT_COUNTER_0, MILLISECOND >> 8
        expect_irq
        call    show_output_0
        look_and_show
        ret

show_output_0:
        out     PIT_CONTROL, READ_BACK_STATUS_0
        get     PIT_COUNTER_0
        andb    $STATUS_OUTPUT, %al
        show    "output "
        ret

# Mode 2 through the IOAPIC's pin that the argument gives.
scenario mode2_ioapic
        pit_program 0, 2, MILLISECOND
        jmp     five_vectors
scenario mode3_ioapic
        pit_program 0, 3, MILLISECOND
five_vectors:
        call    timer_pin
        movl    $5, %ebp
1:      expect_vector
        decl    %ebp
        jnz     1b
        ret
scenario mode0_ioapic
        call    timer_pin
        pit_program 0, 0, MILLISECOND
        expect_vector
        call    show_output_0
        look_and_show
        ret

timer_pin:
        call    apic_init
        movl    argument, %edx
        xorl    %eax, %eax
        xorl    %ecx, %ecx
        jmp     program_pin

# The virtual wire: the PICs' INTR at the local APIC's LINT0, as external interrupt, and cut by its mask.
scenario virtual_wire
        apic_set APIC_SVR, SVR_ENABLED
        apic_set APIC_LVT0, LVT_MASKED
        pic_allow 1<<0
        pit_program 0, 0, MILLISECOND
        until_requested PIC1, 0
        look_and_show
        pic_allow 0                     # INTR falls: KVM's own looks at LINT0 only when it rises
        apic_set APIC_LVT0, LVT_EXTINT
        pic_allow 1<<0
        expect_irq
        ret

# Counter 2 in mode 0: stands while its gate is low, then counts to its output.
scenario counter2
        out     PORT_B, 0
        pit_program 2, 0, 20*MILLISECOND
        get     PORT_B
        andb    $PORT_B_OUTPUT_2, %al
        show    "output "
        call    latch_2
        movl    %ebx, %esi
        call    latch_2
        cmpl    %esi, %ebx
        jne     1f
        print   "stands\n"
1:      out     PORT_B, PORT_B_GATE_2
        get     PORT_B
        andb    $PORT_B_GATE_2, %al
        show    "gate "
        until_set PORT_B, PORT_B_OUTPUT_2
        print   "output rose\n"
        ret

# A running counter goes down; a latched count stays what it was until both bytes are read, whatever is latched after
# it. The counter goes round in 55 ms, which a busy host may let pass between two reads: hence the retries.
scenario latch
        out     PORT_B, PORT_B_GATE_2
        pit_program 2, 2, 0
        call    latch_2
        movl    $RETRIES, %ecx
1:      movl    %ebx, %esi
        call    latch_2
        cmpl    %esi, %ebx
        jb      2f
        decl    %ecx
        jnz     1b
        ret
2:      print   "goes down\n"
        movl    $RETRIES, %ecx
3:      call    latch_2
        movl    %ebx, %esi              # what comes first
        out     PIT_CONTROL, LATCH_2
        call    latch_2                 # the latch command in it has no effect
        movl    %ebx, %edi              # what was latched
        call    latch_2                 # what comes last
        cmpl    %edi, %esi
        jbe     4f
        cmpl    %ebx, %edi
        ja      5f
4:      decl    %ecx
        jnz     3b
        ret
5:      print   "both bytes are of one count\n"
        ret

# The count of counter 2, latched, in EBX.
latch_2:
        out     PIT_CONTROL, LATCH_2
read_2: xorl    %ebx, %ebx
        get     PIT_COUNTER_2
        movb    %al, %bl
        get     PIT_COUNTER_2
        movb    %al, %bh
        ret

# The read-back command latches status and count at once; the status is read first.
scenario read_back
        out     PORT_B, PORT_B_GATE_2
        pit_program 2, 3, 0xfffe
        out     PIT_CONTROL, READ_BACK_2
        get     PIT_COUNTER_2
        andb    $STATUS_MODE, %al
        show    "status "
        call    read_2
        movl    $RETRIES, %ecx
1:      movl    %ebx, %esi
        out     PIT_CONTROL, READ_BACK_2
        get     PIT_COUNTER_2
        call    read_2
        cmpl    %esi, %ebx
        jb      2f
        decl    %ecx
        jnz     1b
        ret
2:      print   "goes down\n"
        ret
