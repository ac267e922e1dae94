package dev.microvm.devices.irqchip;

/**
 * Command words of the 8259A interrupt controller. Names follow the data sheet.
 *
 * <p>Sources: Intel 8259A data sheet, 231468, "Initialization command words", "Operation command
 * words"; for the edge/level control registers, Intel 82371AB (PIIX4), 290562, "ELCR1, ELCR2".
 */
final class I8259Registers {
    static final int INPUTS = 8; // of one chip
    static final int COMMAND = 0; // offset (A0 = 0); write: ICW1, OCW2, OCW3; read: IRR, ISR or poll
    static final int MASK = 1; // offset (A0 = 1); write: ICW2 to ICW4, OCW1; read: IMR or poll

    /** Value read from an unused offset. */
    static final int OPEN_BUS = 0xff;

    /** The input that a chip acknowledges if there is no request. */
    static final int SPURIOUS = 7;

    // ICW1: A0 = 0 and bit 4 set.
    static final int ICW1 = 1 << 4;
    static final int ICW1_IC4 = 1 << 0; // ICW4 will come
    static final int ICW1_SNGL = 1 << 1; // no cascade, ICW3 will not come
    static final int ICW1_LTIM = 1 << 3; // all inputs are level-triggered

    static final int ICW2_VECTOR = 0xf8; // the vector's high five bits

    // ICW4.
    static final int ICW4_AEOI = 1 << 1; // automatic end of interrupt
    static final int ICW4_SFNM = 1 << 4; // special fully nested mode

    // OCW2: A0 = 0 and bits 3 and 4 clear. R, SL and EOI make the command.
    static final int OCW2_LEVEL = 0b111;
    static final int OCW2_COMMAND_SHIFT = 5;
    static final int OCW2_ROTATE_AEOI_CLEAR = 0b000;
    static final int OCW2_EOI = 0b001;
    static final int OCW2_SPECIFIC_EOI = 0b011;
    static final int OCW2_ROTATE_AEOI_SET = 0b100;
    static final int OCW2_ROTATE_EOI = 0b101;
    static final int OCW2_SET_PRIORITY = 0b110;
    static final int OCW2_ROTATE_SPECIFIC_EOI = 0b111;

    // OCW3: A0 = 0, bit 3 set, bit 4 clear.
    static final int OCW3 = 1 << 3;
    static final int OCW3_RIS = 1 << 0; // with RR: read ISR, else IRR
    static final int OCW3_RR = 1 << 1; // read register
    static final int OCW3_P = 1 << 2; // the next read polls
    static final int OCW3_SMM = 1 << 5; // with ESMM: special mask mode on, else off
    static final int OCW3_ESMM = 1 << 6;

    static final int POLL_REQUEST = 1 << 7; // a poll found a request; its number is in bits 0 to 2

    // The pair of a PC.
    static final int CASCADE_INPUT = 2; // of the master, where the slave is
    static final int ELCR_MASTER = 0b1111_1000; // timer, keyboard and cascade are always edge-triggered
    static final int ELCR_SLAVE = 0b1101_1110; // and so are clock and coprocessor

    private I8259Registers() {}
}
