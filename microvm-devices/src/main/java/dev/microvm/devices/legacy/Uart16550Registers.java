package dev.microvm.devices.legacy;

/**
 * Register map of the 16550 UART. Names follow the data sheet.
 *
 * <p>Source: National Semiconductor PC16550D data sheet, TL/C/8652 (June 1995): "UART reset
 * configuration" for reset values, "Registers" for the registers.
 */
final class Uart16550Registers {
    /** Input clock of a PC's serial port in hertz. */
    static final int CLOCK_HZ = 1_843_200;

    /** Clock periods per bit for a divisor of one ("Programmable baud generator"). */
    static final int CLOCKS_PER_BIT = 16;

    /** Depth of the receive and transmit FIFOs in characters. */
    static final int FIFO_DEPTH = 16;

    /**
     * Character times from the last received or read character to the receive time-out ("FIFO
     * interrupt mode operation").
     */
    static final int TIMEOUT_CHARACTERS = 4;

    // Offsets. DLL and DLM are there while LCR_DLAB is set.
    static final int RBR = 0; // receiver buffer, read-only
    static final int THR = 0; // transmitter holding, write-only
    static final int DLL = 0; // divisor latch, low byte, read/write
    static final int DLM = 1; // divisor latch, high byte, read/write
    static final int IER = 1; // interrupt enable, read/write
    static final int IIR = 2; // interrupt identification, read-only
    static final int FCR = 2; // FIFO control, write-only
    static final int LCR = 3; // line control, read/write
    static final int MCR = 4; // modem control, read/write
    static final int LSR = 5; // line status, read-only but for factory tests
    static final int MSR = 6; // modem status, read-only here
    static final int SCR = 7; // scratch, read/write

    /** Value read from an unused offset. */
    static final int OPEN_BUS = 0xff;

    // Interrupt enable; bits 4 to 7 read as 0.
    static final int IER_ERBFI = 1 << 0; // received data available, and time-out
    static final int IER_ETBEI = 1 << 1; // transmitter holding register empty
    static final int IER_ELSI = 1 << 2; // receiver line status
    static final int IER_EDSSI = 1 << 3; // modem status
    static final int IER_MASK = 0x0f;

    // Interrupt identification, highest priority first.
    static final int IIR_LINE_STATUS = 0b0110;
    static final int IIR_DATA_AVAILABLE = 0b0100;
    static final int IIR_TIMEOUT = 0b1100;
    static final int IIR_THR_EMPTY = 0b0010;
    static final int IIR_MODEM_STATUS = 0b0000;
    static final int IIR_NONE = 0b0001;
    static final int IIR_FIFOS_ENABLED = 0b1100_0000;

    // FIFO control. Bits other than the first count only if that is set.
    static final int FCR_ENABLE = 1 << 0; // changing it empties both FIFOs
    static final int FCR_RESET_RECEIVER = 1 << 1; // clears itself
    static final int FCR_RESET_TRANSMITTER = 1 << 2; // clears itself
    static final int FCR_DMA_MODE = 1 << 3; // kept, without effect: a PC does not wire RXRDY and TXRDY
    static final int FCR_TRIGGER_SHIFT = 6;
    static final int FCR_KEPT = 0b1100_1001;

    // Line control.
    static final int LCR_WORD_LENGTH = 0b11; // 5 to 8 bits; here only for the time a character takes
    static final int LCR_SHORTEST_WORD = 5; // bits
    static final int LCR_TWO_STOP_BITS = 1 << 2;
    static final int LCR_PARITY = 1 << 3;
    static final int LCR_DLAB = 1 << 7; // divisor latch access

    // Modem control; bits 5 to 7 read as 0.
    static final int MCR_DTR = 1 << 0;
    static final int MCR_RTS = 1 << 1; // request to send: the peer may send
    static final int MCR_OUT1 = 1 << 2;
    static final int MCR_OUT2 = 1 << 3; // on a PC, lets the interrupt out; here without effect
    static final int MCR_LOOP = 1 << 4;
    static final int MCR_MASK = 0x1f;

    // Line status.
    static final int LSR_DR = 1 << 0; // a received character waits
    static final int LSR_OE = 1 << 1; // overrun
    static final int LSR_PE = 1 << 2; // parity error
    static final int LSR_FE = 1 << 3; // framing error
    static final int LSR_BI = 1 << 4; // break
    static final int LSR_THRE = 1 << 5; // another character may be written
    static final int LSR_TEMT = 1 << 6; // all characters have left
    static final int LSR_FIFO_ERROR = 1 << 7; // a character in the FIFO has an error
    static final int LSR_CHARACTER_ERRORS = LSR_PE | LSR_FE | LSR_BI;

    // Modem status.
    static final int MSR_DCTS = 1 << 0; // the low half says what changed since the last read
    static final int MSR_DDSR = 1 << 1;
    static final int MSR_TERI = 1 << 2; // the ring indicator ended
    static final int MSR_DDCD = 1 << 3;
    static final int MSR_DELTAS = 0x0f;
    static final int MSR_LINES = 0xf0; // the high half says how they are
    static final int MSR_CTS = 1 << 4;
    static final int MSR_DSR = 1 << 5;
    static final int MSR_RI = 1 << 6;
    static final int MSR_DCD = 1 << 7;

    private Uart16550Registers() {}

    /**
     * Returns the number of characters in the receive FIFO that causes an interrupt, for a value of
     * FCR.
     */
    static int triggerLevel(int fcr) {
        return switch (fcr >> FCR_TRIGGER_SHIFT) {
            case 0 -> 1;
            case 1 -> 4;
            case 2 -> 8;
            default -> 14;
        };
    }

    /**
     * Returns the receive time-out in nanoseconds. A character has a start bit, a word, an optional
     * parity bit and stop bits.
     */
    static long timeoutNanos(int lcr, int divisor) {
        int bits = 1 + LCR_SHORTEST_WORD + (lcr & LCR_WORD_LENGTH) + 1;
        if ((lcr & LCR_PARITY) != 0) bits++;
        if ((lcr & LCR_TWO_STOP_BITS) != 0) bits++;
        return 1_000_000_000L * TIMEOUT_CHARACTERS * bits * CLOCKS_PER_BIT * Math.max(1, divisor) / CLOCK_HZ;
    }
}
