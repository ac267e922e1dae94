# The IOAPIC, and the local APICs behind it. The line is that of IRQ 4, the serial port's transmitter, which a scenario
# raises and drops at will. A second processor, where there is one, waits for interrupts and counts them.
# linked as: ELF
        .include "pc.inc"
        .set    PIN, 4
        .set    IOAPICVER, 1            # index
        .set    EOIR, 0xfec00040        # EOI register, from version 0x20 on
        .set    APIC_IRR_40, 0xfee00220 # requests of vectors 0x40 to 0x5f
        .set    INIT_OTHERS, 0xc4500    # all but self, assert, INIT
        .set    START_OTHERS, 0xc4600   # all but self, assert, start-up; the page of the entry is added
        .set    TRAMPOLINE, 0x8000      # where the other starts, in real mode
        .set    LDR_BSP, 1<<24          # logical destination 1 of the flat model
        .set    LDR_OTHER, 2<<24

.macro show_remote_irr
        movl    $PIN, %edx
        call    read_pin
        andl    $RTE_REMOTE_IRR, %eax
        shrl    $8, %eax
        show    "remote irr "
.endm

# Version and size, and a redirection entry that keeps what it is given, but for what it may not.
scenario registers
        movl    $IOAPICVER, %eax
        movl    %eax, IOREGSEL
        movl    IOWIN, %eax
        show    "version "
        shrl    $16, %eax
        show    "last pin "
        movl    $PIN, %edx
        call    read_pin
        shrl    $16, %eax
        show    "masked "
        pin_program PIN, RTE_MASKED|RTE_REMOTE_IRR|RTE_LEVEL, 0x5a
        movl    $PIN, %edx
        call    read_pin
        show    "vector "
        shrl    $8, %eax
        show    "level "
        movl    $(IOREDTBL + 2*PIN + 1), %eax
        movl    %eax, IOREGSEL
        movl    IOWIN, %eax
        shrl    $24, %eax
        show    "destination "
        ret

# Edge-triggered: one interrupt for each rise, however long the line stays high.
scenario edge
        call    apic_init
        pin_program PIN, 0
        irq4_raise
        look_and_show
        apic_eoi
        look_and_show
        irq4_drop
        irq4_raise
        look_and_show
        apic_eoi
        look_and_show
        ret

# Level-triggered: interrupts again after its end while the line is high, then rests.
scenario level
        call    apic_init
        pin_program PIN, RTE_LEVEL
        irq4_raise
        call    await
        show    "interrupt "
        show_remote_irr
        apic_eoi
        call    await
        show    "interrupt "
        irq4_drop
        call    rest
        irq4_raise
        call    await
        show    "interrupt "
        irq4_drop
        jmp     rest

# In service: nothing more comes before the end of interrupt, and the pin's mask does not end it.
scenario in_service
        call    apic_init
        pin_program PIN, RTE_LEVEL
        irq4_raise
        look_and_show
        look_and_show
        pin_program PIN, RTE_MASKED|RTE_LEVEL
        show_remote_irr
        apic_eoi
        show_remote_irr
        look_and_show
        pin_program PIN, RTE_LEVEL
        look_and_show
        show_remote_irr
        irq4_drop
        show_remote_irr
        apic_eoi
        show_remote_irr
        look_and_show
        ret

# Ends interrupts until none comes and the pin waits for none: the line is low. On kvm-pvm a local APIC holds nothing in
# service, so that a pin may have sent once more while the line was high.
rest:   apic_eoi
        call    look
        testl   %eax, %eax
        jnz     rest
        show_remote_irr
        ret

# An edge on a masked pin is lost; a level waits.
scenario mask_edge
        call    apic_init
        pin_program PIN, RTE_MASKED
        irq4_raise
        look_and_show
        pin_program PIN, 0
        look_and_show
        irq4_drop
        irq4_raise
        look_and_show
        apic_eoi
        ret
scenario mask_level
        call    apic_init
        pin_program PIN, RTE_MASKED|RTE_LEVEL
        irq4_raise
        look_and_show
        pin_program PIN, RTE_LEVEL
        look_and_show
        irq4_drop
        jmp     rest

# The EOI register ends an interrupt as the broadcast of a local APIC does. The local APIC has its own to end.
scenario eoi_register
        call    apic_init
        pin_program PIN, RTE_LEVEL
        irq4_raise
        look_and_show
        show_remote_irr
        irq4_drop
        movl    $(PIN_VECTOR + PIN), %eax
        movl    %eax, EOIR
        show_remote_irr
        jmp     rest

# Of two vectors the higher comes first: the priority is the vector's upper half, then its lower.
scenario vector_priority
        call    apic_init
        pin_program 0, 0                # one of the two is the timer's
        pin_program 2, 0
        pin_program PIN, 0
        pit_program 0, 0, 1
        irq4_raise
1:      movl    APIC_IRR_40, %eax       # until both wait
        testl   $(1<<0|1<<2), %eax
        jz      1b
        testl   $(1<<PIN), %eax
        jz      1b
        look_and_show
        apic_eoi
        call    look
        testl   %eax, %eax
        jz      2f
        print   "then the timer's\n"
2:      apic_eoi
        ret

# To the other processor by its APIC ID, and back to the first.
scenario physical
        call    start_other
        pin_program PIN, 0, 1
        jmp     to_both
# The same by logical destinations: one bit for each processor.
scenario logical
        call    start_other
        apic_set APIC_DFR, -1           # flat model
        apic_set APIC_LDR, LDR_BSP
        pin_program PIN, RTE_LOGICAL, 2
to_both:
        irq4_raise
        call    await_other
        show    "other: interrupt "
        look_and_show
        irq4_drop
        pin_program PIN, 0, 0
        irq4_raise
        look_and_show
        apic_eoi
        ret

# A level goes to the other processor again after its end of interrupt, until the line falls.
scenario level_other
        call    start_other
        pin_program PIN, RTE_LEVEL, 1
        irq4_raise
        call    await_other
        show    "other: interrupt "
        call    await_other
        show    "other: interrupt "
        irq4_drop
1:      movl    $PIN, %edx
        call    read_pin
        testl   $RTE_REMOTE_IRR, %eax   # until the last is ended
        jnz     1b
        print   "rests\n"
        ret

# Waits until the other processor has taken one more interrupt. Returns its vector in EAX.
await_other:
1:      movl    other_count, %eax
        cmpl    seen_count, %eax
        je      1b
        incl    seen_count
        movl    other_vector, %eax
        ret

# Enables the local APIC and starts the other processor, which waits for interrupts when this returns.
start_other:
        call    apic_init
        movl    $trampoline, %esi
        movl    $TRAMPOLINE, %edi
1:      movb    (%esi), %al
        movb    %al, (%edi)
        incl    %esi
        incl    %edi
        cmpl    $trampoline_end, %esi
        jb      1b
        apic_set APIC_ICR_LOW, INIT_OTHERS
        apic_set APIC_ICR_LOW, START_OTHERS|TRAMPOLINE>>12
2:      movl    other_count, %eax
        cmpl    seen_count, %eax
        je      2b
        incl    seen_count
        ret

# The other processor: to protected mode, then interrupts without end.
        .code16
trampoline:
        cli
        xorw    %ax, %ax
        movw    %ax, %ds
        lgdtl   TRAMPOLINE + trampoline_gdt - trampoline
        movl    %cr0, %eax
        orb     $1, %al                 # PE
        movl    %eax, %cr0
        ljmpl   $CODE_SELECTOR, $other
trampoline_gdt:
        .word   gdt_end - gdt - 1
        .long   gdt
trampoline_end:
        .code32
other:  movl    $DATA_SELECTOR, %eax
        movw    %ax, %ds
        movw    %ax, %es
        movw    %ax, %ss
        movl    $other_stack, %esp
        lidt    idt_pointer
        call    apic_init
        apic_set APIC_DFR, -1
        apic_set APIC_LDR, LDR_OTHER
1:      incl    other_count
        call    await
        movl    %eax, other_vector
        apic_eoi
        jmp     1b

        .balign 4
other_count:                            # of interrupts, and one for being there
        .long   0
seen_count:
        .long   0
other_vector:
        .long   0
        .skip   512
other_stack:
