package dev.microvm;

/**
 * The ports, addresses and interrupts of the machine: those of a PC where a PC has the part, those of QEMU's
 * {@code microvm} machine (docs/system/i386/microvm.rst, include/hw/i386/microvm.h) elsewhere.
 */
final class PcLayout {
    /** First serial port: eight registers. */
    static final int COM1 = 0x3F8;

    static final int COM1_SIZE = 8;
    static final int COM1_GSI = 4;

    /** Keyboard controller: data at 0x60, command and status at 0x64. */
    static final int I8042 = 0x60;

    static final int I8042_SIZE = 5; // 0x61 between them is the speaker's

    /** Real-time clock: index at 0x70, data at 0x71. */
    static final int RTC = 0x70;

    static final int RTC_SIZE = 2;
    static final int RTC_GSI = 8;

    /** System control port A: fast reset. */
    static final int SYSTEM_CONTROL_A = 0x92;

    /** A guest ends itself with a code by a write here; QEMU's isa-debug-exit is there in most test kernels. */
    static final int EXIT_PORT = 0xF4;

    /** Reset control register of chip sets since the 430FX. */
    static final int RESET_CONTROL = 0xCF9;

    private PcLayout() {}
}
