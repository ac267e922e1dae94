# Ends and the parts that make them: generic event device, keyboard controller, reset ports.
# linked as: ELF
        .include "pc.inc"
        .set    EVENT_GSI, 9
        .set    EVENT_SELECT, 0xfea00000
        .set    SLEEP_CONTROL, 0xfea00200
        .set    RESET_REGISTER, 0xfea00202
        .set    SLEEP_S5, 5<<2|1<<5     # SLP_TYP 5, SLP_EN
        .set    RESET_VALUE, 0x42
        .set    KBC_SELF_TEST, 0xaa
        .set    KBC_WRITE_CONFIG, 0x60
        .set    KBC_CONFIG_IRQ_1, 0x01  # interrupt at a byte from the keyboard
        .set    KBC_PULSE_RESET, 0xfe
        .set    KBC_OUTPUT_FULL, 0x01   # status
        .set    KBD_IDENTIFY, 0xf2
        .set    FAST_RESET, 0x92        # system control port A
        .set    RESET_CONTROL, 0xcf9

# The power button: an interrupt at GSI 9 once the host presses it, the event in its register, power-off.
scenario power_button
        call    apic_init
        pin_program EVENT_GSI, 0
        print   "ready\n"
        call    flush
        expect_vector
turn_off:
        movl    EVENT_SELECT, %eax
        show    "events "
        movl    EVENT_SELECT, %eax      # cleared by the read
        show    "events "
        call    flush
        movb    $SLEEP_S5, %al
        movb    %al, SLEEP_CONTROL
1:      jmp     1b

# The same as IRQ 9, by way of the slave PIC.
scenario power_button_pic
        pic_allow 1<<9|1<<CASCADE
        print   "ready\n"
        call    flush
        call    await
        show    "interrupt "
        jmp     turn_off

scenario reset_register
        movb    $RESET_VALUE, %al
        movb    %al, RESET_REGISTER
1:      jmp     1b

# Power-off as small kernels do it, without ACPI tables: PM1a_CNT of QEMU, Bochs and VirtualBox.
scenario pm1a_qemu
        movw    $0x604, %dx
        movw    $0x2000, %ax            # SLP_EN, SLP_TYP 0
1:      outw    %ax, %dx
        jmp     1b

scenario pm1a_bochs
        movw    $0xb004, %dx
        movw    $0x2000, %ax
1:      outw    %ax, %dx
        jmp     1b

scenario pm1a_virtualbox
        movw    $0x4004, %dx
        movw    $0x3400, %ax            # SLP_EN, SLP_TYP 5
1:      outw    %ax, %dx
        jmp     1b

# The keyboard controller: self-test, and the answer for a keyboard that is not there, with its interrupt.
scenario keyboard
        pic_allow 1<<1
        out     KBC_COMMAND, KBC_SELF_TEST
        until_set KBC_COMMAND, KBC_OUTPUT_FULL
        get     KBC_DATA
        show    "self-test "
        out     KBC_COMMAND, KBC_WRITE_CONFIG
        out     KBC_DATA, KBC_CONFIG_IRQ_1
        out     KBC_DATA, KBD_IDENTIFY
        look_and_show
        get     KBC_COMMAND
        show    "status "
        get     KBC_DATA
        show    "answer "
        ret

scenario keyboard_reset
        out     KBC_COMMAND, KBC_PULSE_RESET
1:      jmp     1b

scenario fast_reset
        out     FAST_RESET, 0x01
1:      jmp     1b

scenario reset_control
        out     RESET_CONTROL, 0x02     # which reset
        out     RESET_CONTROL, 0x06     # now
1:      jmp     1b
