# The 16550A serial port: its interrupts on IRQ 4, FIFO and loopback. What the host types comes after "ready".
# linked as: ELF
        .include "pc.inc"
        .set    FCR_ENABLED, 0x01
        .set    FCR_TRIGGER_8, 0x80
        .set    LSR_DATA_READY, 0x01
        .set    LSR_ERRORS, 0x9e
        .set    MCR_LOOP, 0x10
        .set    IER_MODEM, 0x08
        .set    TYPED, 8                # characters, as many as the trigger level

.macro show_iir
        get     COM1_IIR
        show    "iir "
.endm

# Transmitter empty: interrupts when enabled and after each character; reading IIR is the acknowledgement.
scenario transmitter
        pic_allow 1<<4
        out     COM1_IER, IER_TRANSMITTER
        call    await
        show    "interrupt "
        show_iir
        show_iir
        pic_eoi
        look_and_show
        out     COM1, '>'
        call    await
        show    "interrupt "
        show_iir
        pic_eoi
        out     COM1_IER, 0
        ret

# The same through the IOAPIC's pin 4.
scenario transmitter_ioapic
        call    apic_init
        pin_program 4, 0
        out     COM1_IER, IER_TRANSMITTER
        expect_vector
        show_iir
        out     COM1, '>'
        expect_vector
        show_iir
        out     COM1_IER, 0
        ret

# Data available: when the FIFO reaches its trigger level, until it is below.
scenario receiver
        pic_allow 1<<4
        call    receive
        pic_eoi
        ret
scenario receiver_ioapic
        call    apic_init
        pin_program 4, 0
        call    receive
        ret
receive:
        out     COM1_FCR, FCR_ENABLED|FCR_TRIGGER_8
        out     COM1_IER, IER_RECEIVER
        print   "ready\n"
        call    flush
        call    await
        show    "interrupt "
        show_iir
        get     COM1
        show    "character "
        movl    $(TYPED - 1), %ecx
1:      get     COM1
        decl    %ecx
        jnz     1b
        show    "last "
        show_iir
        get     COM1_LSR
        andb    $LSR_DATA_READY, %al
        show    "data ready "
        ret

# Character time-out: fewer than the trigger level, and nothing follows; reading a character is the acknowledgement.
scenario timeout
        pic_allow 1<<4
        out     COM1_FCR, FCR_ENABLED|FCR_TRIGGER_8
        out     COM1_IER, IER_RECEIVER
        print   "ready\n"
        call    flush
        call    await
        show    "interrupt "
        show_iir
        get     COM1
        show    "character "
        show_iir
        ret

# Loopback: characters come back, outputs of the modem control are its inputs.
scenario loopback
        out     COM1_MCR, MCR_LOOP
        out     COM1, 0x5a
        get     COM1_LSR
        andb    $LSR_DATA_READY, %al
        show    "data ready "
        get     COM1
        show    "character "
        get     COM1_LSR
        andb    $(LSR_DATA_READY|LSR_ERRORS), %al
        show    "line status "
        out     COM1_MCR, MCR_LOOP|0x0a # RTS and OUT2 are CTS and DCD
        get     COM1_MSR
        andb    $0xf0, %al
        show    "modem status "
        out     COM1_MCR, MCR_OUT2
        ret

# OUT2 does not gate the interrupt.
scenario out2
        pic_allow 1<<4
        out     COM1_MCR, 0
        out     COM1_IER, IER_TRANSMITTER
        look_and_show
        out     COM1_MCR, MCR_OUT2
        look_and_show
        out     COM1_IER, 0
        ret
