package dev.microvm.devices.legacy;

/**
 * Register map of the 8254 programmable interval timer. Names follow the data sheet.
 *
 * <p>Source: Intel 8254 data sheet, order number 231164, "Programming the 8254", "Mode
 * definitions".
 */
final class I8254Registers {
    /** Counter input clock in hertz: the 14.31818 MHz crystal divided by 12. */
    static final long CLOCK_HZ = 1_193_182;

    static final int COUNTERS = 3;
    static final int CONTROL_WORD = 3; // offset, write-only; 0 to 2 are the counters, read/write

    /** Value read from the offset of the control word. */
    static final int OPEN_BUS = 0xff;

    // Control word format: SC1 SC0 RW1 RW0 M2 M1 M0 BCD
    static final int CW_SELECT_SHIFT = 6;
    static final int CW_READ_BACK = 0b11; // in the select field
    static final int CW_ACCESS_SHIFT = 4;
    static final int CW_ACCESS_MASK = 0b11;
    static final int CW_MODE_SHIFT = 1;
    static final int CW_MODE_MASK = 0b111;
    static final int CW_BCD = 1 << 0;

    // The access field.
    static final int ACCESS_LATCH = 0b00; // not a setting: latches the count
    static final int ACCESS_LOW = 0b01;
    static final int ACCESS_HIGH = 0b10;
    static final int ACCESS_LOW_HIGH = 0b11;

    // Modes; 6 and 7 are 2 and 3.
    static final int MODE_TERMINAL_COUNT = 0;
    static final int MODE_ONE_SHOT = 1;
    static final int MODE_RATE = 2;
    static final int MODE_SQUARE = 3;
    static final int MODE_SOFTWARE_STROBE = 4;
    static final int MODE_HARDWARE_STROBE = 5;

    // Read-back command; counter n is selected by bit n + 1.
    static final int READ_BACK_NOT_COUNT = 1 << 5; // clear: latch the count
    static final int READ_BACK_NOT_STATUS = 1 << 4; // clear: latch the status

    // Status byte; bits 0 to 5 are those of the control word.
    static final int STATUS_OUTPUT = 1 << 7;
    static final int STATUS_NULL_COUNT = 1 << 6; // what was written last has not been loaded

    // System control port B, 0x61. Source: IBM PC/AT Technical Reference, "System control port B".
    static final int PORT_B_GATE_2 = 1 << 0;
    static final int PORT_B_SPEAKER = 1 << 1;
    static final int PORT_B_WRITABLE = 0x0f; // bits 2 and 3 mask NMI sources that are not here
    static final int PORT_B_REFRESH = 1 << 4; // toggles with each refresh request
    static final int PORT_B_OUTPUT_2 = 1 << 5;

    /** Clocks between refresh requests: 15.1 us. */
    static final long REFRESH_CLOCKS = 18;

    private I8254Registers() {}
}
