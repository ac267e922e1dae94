package dev.microvm.devices.legacy;

/**
 * Registers and commands of the keyboard controller of a PC/AT.
 *
 * <p>Source: IBM PC/AT Technical Reference (6280070), "Keyboard Controller"; for the commands of
 * the auxiliary port, IBM PS/2 Hardware Interface Technical Reference, "Keyboard and Auxiliary
 * Device Controller". Commands have their names in Linux's {@code include/linux/i8042.h}, if there
 * is one.
 */
final class I8042Registers {
    // Ports, as offsets from 0x60.
    static final int DATA = 0; // read: output buffer; write: input buffer
    static final int STATUS_COMMAND = 4; // read: status; write: command

    static final int OPEN_BUS = 0xff; // what an offset between reads as

    // Status.
    static final int STATUS_OUTPUT_FULL = 1 << 0; // a byte waits at the data port
    static final int STATUS_SYSTEM = 1 << 2; // self-test passed; a copy of the configuration's bit
    static final int STATUS_COMMAND_LAST = 1 << 3; // the last write was a command
    static final int STATUS_NOT_LOCKED = 1 << 4; // the keyboard's lock is open
    static final int STATUS_TIMEOUT = 1 << 6; // the keyboard did not answer

    // Configuration ("command byte").
    static final int CONFIG_KEYBOARD_INTERRUPT = 1 << 0;
    static final int CONFIG_SYSTEM = 1 << 2;
    static final int CONFIG_KEYBOARD_DISABLED = 1 << 4;
    static final int CONFIG_AUX_DISABLED = 1 << 5;
    static final int CONFIG_TRANSLATE = 1 << 6;
    static final int CONFIG_POWER_ON =
            CONFIG_KEYBOARD_INTERRUPT | CONFIG_SYSTEM | CONFIG_AUX_DISABLED | CONFIG_TRANSLATE; // as firmware leaves it

    // Commands.
    static final int READ_CONFIG = 0x20;
    static final int WRITE_CONFIG = 0x60; // a parameter follows
    static final int AUX_DISABLE = 0xa7;
    static final int AUX_ENABLE = 0xa8;
    static final int AUX_TEST = 0xa9;
    static final int SELF_TEST = 0xaa;
    static final int KEYBOARD_TEST = 0xab;
    static final int KEYBOARD_DISABLE = 0xad;
    static final int KEYBOARD_ENABLE = 0xae;
    static final int READ_INPUT_PORT = 0xc0;
    static final int READ_OUTPUT_PORT = 0xd0;
    static final int WRITE_OUTPUT_PORT = 0xd1; // a parameter follows
    static final int KEYBOARD_LOOP = 0xd2; // a parameter follows
    static final int AUX_LOOP = 0xd3; // a parameter follows
    static final int AUX_SEND = 0xd4; // a parameter follows
    static final int DISABLE_A20 = 0xdd;
    static final int ENABLE_A20 = 0xdf;
    static final int PULSE_OUTPUT_PORT = 0xf0; // bits 0 to 3 clear: pulse that bit of the output port low
    static final int PULSE_MASK = 0xf0;

    // Answers.
    static final int SELF_TEST_PASSED = 0x55;
    static final int TEST_PASSED = 0x00;
    static final int TEST_CLOCK_STUCK_LOW = 0x01;
    static final int RESEND = 0xfe; // with STATUS_TIMEOUT: nobody is there

    static final int INPUT_PORT_NOT_INHIBITED = 1 << 7;

    // Output port.
    static final int OUTPUT_NOT_RESET = 1 << 0; // low resets the CPU
    static final int OUTPUT_A20 = 1 << 1;
    static final int OUTPUT_KEYBOARD_FULL = 1 << 4; // IRQ 1
    static final int OUTPUT_POWER_ON = 0b1100_0000 | OUTPUT_A20 | OUTPUT_NOT_RESET; // keyboard clock and data idle high

    private I8042Registers() {}
}
