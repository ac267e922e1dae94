package dev.microvm.devices.legacy;

/**
 * Register map of the MC146818 real-time clock, and the layout of a PC's battery-backed RAM. Names
 * follow the data sheet.
 *
 * <p>Sources: Motorola MC146818 data sheet, "Address map", "Registers"; for the RAM, IBM PC/AT
 * Technical Reference, "CMOS RAM"; for the memory sizes above 16 MiB, QEMU and SeaBIOS
 * ({@code src/hw/rtc.h}).
 */
final class Mc146818Registers {
    // Ports, as offsets.
    static final int INDEX = 0; // write-only: register number in bits 0 to 6; bit 7 masks NMI on a PC, ignored here
    static final int DATA = 1; // read/write
    static final int INDEX_MASK = 0x7f;

    /** Value read from the index port. */
    static final int OPEN_BUS = 0xff;

    /** Size of registers and RAM in bytes: the chip has 64, PCs have 128. */
    static final int CMOS_SIZE = 128;

    // Time, calendar and alarm bytes.
    static final int SECONDS = 0x00;
    static final int SECONDS_ALARM = 0x01;
    static final int MINUTES = 0x02;
    static final int MINUTES_ALARM = 0x03;
    static final int HOURS = 0x04;
    static final int HOURS_ALARM = 0x05;
    static final int DAY_OF_WEEK = 0x06; // 1 is Sunday
    static final int DATE_OF_MONTH = 0x07;
    static final int MONTH = 0x08;
    static final int YEAR = 0x09; // of the century
    static final int CENTURY = 0x32; // IBM's; the part itself has none

    static final int REGISTER_A = 0x0a;
    static final int REGISTER_B = 0x0b;
    static final int REGISTER_C = 0x0c; // read-only
    static final int REGISTER_D = 0x0d; // read-only
    static final int FIRST_RAM = 0x0e;

    static final int HOURS_PM = 1 << 7; // in 12-hour form
    static final int ALARM_DONT_CARE = 0b1100_0000; // an alarm byte with both bits set matches always

    // Register A.
    static final int A_RATE = 0x0f; // of the periodic interrupt; 0 for none
    static final int A_DIVIDER_SHIFT = 4;
    static final int A_DIVIDER_MASK = 0b111;
    static final int A_DIVIDER_32KHZ = 0b010;
    static final int A_DIVIDER_RESET = 0b110; // this and above hold the divider
    static final int A_UIP = 1 << 7; // update in progress, read-only
    static final int A_POWER_ON = 0x26; // 32.768 kHz, 1.024 kHz rate: what a PC's firmware leaves

    // Register B.
    static final int B_24_HOURS = 1 << 1;
    static final int B_DM_BINARY = 1 << 2;
    static final int B_UIE = 1 << 4; // update-ended interrupt enable
    static final int B_AIE = 1 << 5; // alarm interrupt enable
    static final int B_PIE = 1 << 6; // periodic interrupt enable
    static final int B_SET = 1 << 7; // no updates
    static final int B_SQWE = 1 << 3; // square wave, not wired on a PC
    static final int B_POWER_ON = B_24_HOURS;

    // Register C: flags, in the bit positions of their enables in B; a read clears all.
    static final int C_UF = B_UIE;
    static final int C_AF = B_AIE;
    static final int C_PF = B_PIE;
    static final int C_IRQF = 1 << 7;
    static final int C_FLAGS = C_UF | C_AF | C_PF;

    static final int D_VRT = 1 << 7; // valid RAM and time: the battery is good

    /** Ticks per second of the 32.768 kHz time base. */
    static final long TICKS_PER_SECOND = 32_768;

    /**
     * Time from the setting of UIP to the update, in nanoseconds: t_BUC of the data sheet, "Update
     * cycle".
     */
    static final int UIP_WINDOW_NANOS = 244_000;

    /**
     * Time from the release of the divider to the first update, in nanoseconds: data sheet,
     * "Dividers".
     */
    static final int FIRST_UPDATE_NANOS = 500_000_000;

    // RAM: sizes of memory, each low byte first.
    static final int BASE_MEMORY_KIB = 0x15; // 2 bytes, always 640
    static final int EXTENDED_MEMORY_KIB = 0x17; // 2 bytes, above 1 MiB, at most 0xffff
    static final int EXTENDED_MEMORY_KIB_COPY = 0x30; // 2 bytes, the same
    static final int MEMORY_OVER_16_MIB = 0x34; // 2 bytes, in 64 KiB, below 4 GiB
    static final int MEMORY_OVER_4_GIB = 0x5b; // 3 bytes, in 64 KiB

    private Mc146818Registers() {}

    /** Returns the divider field, DV, of a value of register A. */
    static int divider(int registerA) {
        return (registerA >> A_DIVIDER_SHIFT) & A_DIVIDER_MASK;
    }

    /**
     * Returns the ticks between periodic interrupts, or 0 for none: data sheet, table "Periodic
     * interrupt rate".
     */
    static long periodTicks(int registerA) {
        int rate = registerA & A_RATE;
        if (rate == 0) return 0;
        boolean slowBase = divider(registerA) == A_DIVIDER_32KHZ;
        if (slowBase && rate <= 2) rate += 7; // 3.9 and 7.8 ms: a 32 kHz base cannot do less than the third rate
        return 1L << (rate - 1);
    }
}
