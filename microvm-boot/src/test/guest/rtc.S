# The MC146818 real-time clock: its interrupts on IRQ 8, and its time.
# linked as: ELF
        .include "pc.inc"
        .set    RTC_SECONDS, 0x00
        .set    RTC_SECONDS_ALARM, 0x01
        .set    RTC_MINUTES, 0x02
        .set    RTC_MINUTES_ALARM, 0x03
        .set    RTC_HOURS, 0x04
        .set    RTC_HOURS_ALARM, 0x05
        .set    RTC_DAY_OF_WEEK, 0x06
        .set    RTC_DATE, 0x07
        .set    RTC_MONTH, 0x08
        .set    RTC_YEAR, 0x09
        .set    RTC_A, 0x0a
        .set    RTC_B, 0x0b
        .set    RTC_C, 0x0c
        .set    RTC_D, 0x0d
        .set    RTC_CENTURY, 0x32       # a PC's; the chip itself has RAM there
        .set    RTC_RAM, 0x40
        .set    A_1024_HZ, 0x26         # with the divider for 32,768 Hz
        .set    A_NO_RATE, 0x20
        .set    B_24_HOURS, 0x02
        .set    B_BINARY, 0x04
        .set    B_UPDATE, 0x10
        .set    B_ALARM, 0x20
        .set    B_PERIODIC, 0x40
        .set    C_IRQF, 0x80
        .set    C_PF, 0x40
        .set    C_AF, 0x20
        .set    C_UF, 0x10
        .set    DONT_CARE, 0xc0

.macro rtc_set register, value
        out     RTC_INDEX, \register
        out     RTC_DATA, \value
.endm

.macro rtc_get register
        out     RTC_INDEX, \register
        get     RTC_DATA
.endm

.macro rtc_show register, text:vararg
        rtc_get \register
        show    \text
.endm

# Waits for IRQ 8, prints its vector and some of the flags, reads register C, and ends it at both controllers.
.macro expect_clock flags
        call    await
        show    "interrupt "
        rtc_get RTC_C
        andb    $(\flags), %al          # the others come and go by themselves
        show    "flags "
        out     PIC2, OCW2_EOI
        pic_eoi
.endm

# Periodic: as long as register C is read.
scenario periodic
        pic_allow 1<<8|1<<CASCADE
        rtc_set RTC_A, A_1024_HZ
        rtc_set RTC_B, B_24_HOURS|B_PERIODIC
        expect_clock C_IRQF|C_PF
        expect_clock C_IRQF|C_PF
        expect_clock C_IRQF|C_PF
        ret

# Register C holds the line until it is read, and reading clears it.
scenario register_c
        rtc_set RTC_A, A_1024_HZ
        rtc_set RTC_B, B_24_HOURS|B_PERIODIC
        until_requested PIC2, 0
        rtc_set RTC_A, A_NO_RATE        # nothing more comes
        rtc_get RTC_C
        andb    $(C_IRQF|C_PF), %al
        show    "flags "
        rtc_get RTC_C
        andb    $(C_IRQF|C_PF), %al
        show    "flags "
        rtc_show RTC_D, "valid "
        ret

# The same through the IOAPIC's pin 8.
scenario periodic_ioapic
        call    apic_init
        pin_program 8, 0
        rtc_set RTC_A, A_1024_HZ
        rtc_set RTC_B, B_24_HOURS|B_PERIODIC
        movl    $3, %ebp
1:      expect_vector
        rtc_get RTC_C
        decl    %ebp
        jnz     1b
        ret

# Update-ended: each second.
scenario update
        pic_allow 1<<8|1<<CASCADE
        rtc_get RTC_C
        rtc_set RTC_B, B_24_HOURS|B_UPDATE
        expect_clock C_IRQF|C_UF
        expect_clock C_IRQF|C_UF
        ret

# Alarm: two seconds from now, at any minute of any hour; the second of the interrupt is that of the alarm.
scenario alarm
        pic_allow 1<<8|1<<CASCADE
        rtc_set RTC_B, B_24_HOURS|B_BINARY
        rtc_set RTC_HOURS_ALARM, DONT_CARE
        rtc_set RTC_MINUTES_ALARM, DONT_CARE
        rtc_get RTC_C
        rtc_get RTC_SECONDS
        addb    $2, %al
        cmpb    $60, %al
        jb      1f
        subb    $60, %al
1:      movb    %al, %bl
        out     RTC_INDEX, RTC_SECONDS_ALARM
        movb    %bl, %al
        put     RTC_DATA
        rtc_set RTC_B, B_24_HOURS|B_BINARY|B_ALARM
        expect_clock C_IRQF|C_AF
        rtc_get RTC_SECONDS
        subb    %bl, %al
        cmpb    $30, %al                # the guest may be late, not early
        jb      2f
        addb    $60, %al
        cmpb    $30, %al
        jae     3f
2:      print   "not before its second\n"
3:      ret

# Date and time in the forms that register B chooses; the test stops the clock.
scenario time
        rtc_set RTC_B, B_24_HOURS
        print   "BCD, 24 hours\n"
        call    show_time
        rtc_set RTC_B, B_BINARY|B_24_HOURS
        print   "binary, 24 hours\n"
        call    show_time
        rtc_set RTC_B, 0
        print   "BCD, 12 hours\n"
        rtc_show RTC_HOURS, "hours "
        rtc_set RTC_B, B_BINARY
        print   "binary, 12 hours\n"
        rtc_show RTC_HOURS, "hours "
        ret

show_time:
        rtc_show RTC_CENTURY, "century "
        rtc_show RTC_YEAR, "year "
        rtc_show RTC_MONTH, "month "
        rtc_show RTC_DATE, "date "
        rtc_show RTC_DAY_OF_WEEK, "day of week "
        rtc_show RTC_HOURS, "hours "
        rtc_show RTC_MINUTES, "minutes "
        rtc_show RTC_SECONDS, "seconds "
        ret

# What firmware reads in the RAM, and that the rest of it keeps what is written.
scenario ram
        rtc_show 0x15, "base KiB, low "
        rtc_show 0x16, "base KiB, high "
        rtc_show 0x30, "extended KiB, low "
        rtc_show 0x31, "extended KiB, high "
        rtc_set RTC_RAM, 0xa5
        rtc_show RTC_RAM, "kept "
        ret
