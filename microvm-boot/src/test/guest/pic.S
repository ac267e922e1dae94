# The pair of 8259A interrupt controllers. IRQ 4 is the serial port's transmitter, which a scenario raises and drops at
# will; IRQ 0 is the timer's, once; IRQ 8 the clock's, behind the slave.
# linked as: ELF
        .include "pc.inc"
        .set    ELCR_IRQ_4, 1<<4
        .set    OCW2_SPECIFIC_EOI, 0x60
        .set    OCW2_ROTATE_EOI, 0xa0
        .set    OCW2_SET_PRIORITY, 0xc0         # lowest: bits 0 to 2
        .set    OCW3_SPECIAL_MASK, 0x68
        .set    OCW3_NO_SPECIAL_MASK, 0x48
        .set    RTC_A, 0x0a
        .set    RTC_B, 0x0b
        .set    RTC_C, 0x0c
        .set    RTC_8192_HZ, 0x23
        .set    RTC_B_PERIODIC, 0x42            # periodic interrupt, 24 hours
        .set    RTC_B_QUIET, 0x02

# Has the timer request IRQ 0, once.
.macro irq0_raise
        pit_program 0, 0, 1
        until_requested PIC1, 0
.endm

# Has the clock request IRQ 8, once, as long as nobody reads register C.
.macro irq8_raise
        rtc_set RTC_A, RTC_8192_HZ
        rtc_set RTC_B, RTC_B_PERIODIC
        until_requested PIC2, 0
.endm

.macro rtc_set register, value
        out     RTC_INDEX, \register
        out     RTC_DATA, \value
.endm

# A request waits while it is masked.
scenario mask
        irq4_raise
        pic_show PIC1, OCW3_READ_IRR, "irr "
        look_and_show
        pic_allow 1<<4
        look_and_show
        pic_show PIC1, OCW3_READ_IRR, "irr "
        pic_show PIC1, OCW3_READ_ISR, "isr "
        pic_eoi
        pic_show PIC1, OCW3_READ_ISR, "isr "
        get     PIC1 + 1
        show    "mask "
        ret

# Of two the lower number comes first; the other after its end.
scenario priority
        irq4_raise
        irq0_raise
        pic_show PIC1, OCW3_READ_IRR, "irr "
        pic_allow 1<<0|1<<4
        look_and_show
        look_and_show
        pic_eoi
        look_and_show
        pic_show PIC1, OCW3_READ_ISR, "isr "
        pic_eoi
        ret

# What is higher interrupts what is in service.
scenario nesting
        pic_allow 1<<0|1<<4
        irq4_raise
        look_and_show
        irq0_raise
        look_and_show
        pic_show PIC1, OCW3_READ_ISR, "isr "
        pic_eoi                         # the highest
        pic_show PIC1, OCW3_READ_ISR, "isr "
        out     PIC1, OCW2_SPECIFIC_EOI | 4
        pic_show PIC1, OCW3_READ_ISR, "isr "
        ret

# With IRQ 0 the lowest, IRQ 4 comes first; ended with rotation, it is the lowest in turn.
scenario rotation
        irq4_raise
        irq0_raise
        out     PIC1, OCW2_SET_PRIORITY | 0
        pic_allow 1<<0|1<<4
        look_and_show
        out     PIC1, OCW2_ROTATE_EOI
        irq4_drop
        irq4_raise
        look_and_show
        pic_eoi
        look_and_show
        pic_eoi
        ret

# A lower one comes while a higher is in service but masked, in special mask mode only.
scenario special_mask
        pic_allow 1<<0
        irq0_raise
        look_and_show
        irq4_raise
        pic_allow 1<<4
        look_and_show
        out     PIC1, OCW3_SPECIAL_MASK
        pic_allow 1<<4                  # so that a chip looks again that does so at a change only
        look_and_show
        pic_show PIC1, OCW3_READ_ISR, "isr "
        out     PIC1, OCW2_SPECIFIC_EOI | 4
        out     PIC1, OCW2_SPECIFIC_EOI | 0
        out     PIC1, OCW3_NO_SPECIAL_MASK
        ret

# IRQ 8 by way of the slave: in service at both, and ended at both.
scenario cascade
        pic_allow 1<<8|1<<CASCADE
        irq8_raise
        call    await
        show    "interrupt "
        pic_show PIC1, OCW3_READ_ISR, "master isr "
        pic_show PIC2, OCW3_READ_ISR, "slave isr "
        rtc_set RTC_B, RTC_B_QUIET
        out     PIC2, OCW2_EOI
        pic_eoi
        pic_show PIC1, OCW3_READ_ISR, "master isr "
        pic_show PIC2, OCW3_READ_ISR, "slave isr "
        ret

# The slave withdraws its request between the master's and the acknowledge cycle: input 7 of the slave, not in service.
scenario spurious
        pic_allow 1<<8|1<<CASCADE
        irq8_raise
        pic_allow 1<<CASCADE
        look_and_show
        pic_show PIC1, OCW3_READ_ISR, "master isr "
        pic_show PIC2, OCW3_READ_ISR, "slave isr "
        pic_eoi
        look_and_show
        ret

# Automatic end of interrupt: nothing stays in service, the next needs no command.
scenario automatic_eoi
        movb    $ICW4_8086 | ICW4_AEOI, %ah
        call    pic_init_with_icw4
        pic_allow 1<<4
        irq4_raise
        look_and_show
        pic_show PIC1, OCW3_READ_ISR, "isr "
        irq4_drop
        irq4_raise
        look_and_show
        ret

# Edge or level: a line that stays high interrupts once, or again after each end until it falls.
scenario edge_level
        pic_allow 1<<4
        irq4_raise
        look_and_show
        pic_eoi
        look_and_show
        irq4_drop
        out     ELCR1, ELCR_IRQ_4
        irq4_raise
        look_and_show
        pic_eoi
        look_and_show
        irq4_drop
        pic_eoi
        look_and_show
        ret

# Which irqs can be level-triggered at all.
scenario edge_level_registers
        out     ELCR1, 0xff
        out     ELCR2, 0xff
        get     ELCR1
        show    "master "
        get     ELCR2
        show    "slave "
        out     ELCR1, 0
        get     ELCR1
        show    "master "
        ret

# Poll: a read of the command port stands for the acknowledge cycle.
scenario poll
        irq4_raise
        pic_allow 1<<4
        pic_show PIC1, OCW3_POLL, "poll "
        pic_show PIC1, OCW3_READ_ISR, "isr "
        pic_show PIC1, OCW3_READ_IRR, "irr "
        pic_eoi
        pic_show PIC1, OCW3_POLL, "poll "
        look_and_show
        ret
