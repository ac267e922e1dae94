package dev.microvm.devices.legacy;

import static dev.microvm.devices.legacy.Mc146818Registers.*;

import java.time.LocalDateTime;

/**
 * The format of the time bytes, as register B selects it. If a guest writes bytes that are not a
 * date, the excess carries over: January 32 is February 1.
 */
record RtcFormat(boolean binary, boolean hours24) {
    static RtcFormat of(int registerB) {
        return new RtcFormat((registerB & B_DM_BINARY) != 0, (registerB & B_24_HOURS) != 0);
    }

    /** Writes a time into its registers. */
    void store(LocalDateTime time, byte[] registers) {
        registers[SECONDS] = encode(time.getSecond());
        registers[MINUTES] = encode(time.getMinute());
        registers[HOURS] = encodeHour(time.getHour());
        registers[DAY_OF_WEEK] = encode(time.getDayOfWeek().getValue() % 7 + 1);
        registers[DATE_OF_MONTH] = encode(time.getDayOfMonth());
        registers[MONTH] = encode(time.getMonthValue());
        registers[YEAR] = encode(Math.floorMod(time.getYear(), 100));
        registers[CENTURY] = encode(Math.floorMod(Math.floorDiv(time.getYear(), 100), 100));
    }

    /** Reads the time from its registers, ignoring the day of the week. */
    LocalDateTime load(byte[] registers) {
        int year = 100 * decode(registers[CENTURY]) + decode(registers[YEAR]);
        return LocalDateTime.of(year, 1, 1, 0, 0)
                .plusMonths(decode(registers[MONTH]) - 1L)
                .plusDays(decode(registers[DATE_OF_MONTH]) - 1L)
                .plusHours(decodeHour(registers[HOURS]))
                .plusMinutes(decode(registers[MINUTES]))
                .plusSeconds(decode(registers[SECONDS]));
    }

    /** Returns a number below 100 in the format of a register. */
    byte encode(int number) {
        return (byte) (binary ? number : ((number / 10) << 4) | (number % 10));
    }

    /** Returns an hour, 0 to 23, in the format of a register. */
    byte encodeHour(int hour) {
        if (hours24) return encode(hour);
        int ofHalfDay = hour % 12 == 0 ? 12 : hour % 12;
        return (byte) (encode(ofHalfDay) | (hour >= 12 ? HOURS_PM : 0));
    }

    private int decode(int register) {
        int bits = register & 0xff;
        return binary ? bits : 10 * (bits >> 4) + (bits & 0xf);
    }

    private int decodeHour(int register) {
        if (hours24) return decode(register);
        return decode(register & ~HOURS_PM) % 12 + ((register & HOURS_PM) != 0 ? 12 : 0);
    }
}
