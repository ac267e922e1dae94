package dev.microvm.hypervisor;

import java.util.Arrays;
import java.util.Objects;

/**
 * The register page of a local APIC, one register every 16 bytes: Intel SDM vol. 3A, table 11-1.
 *
 * @param registers 1,024 bytes: offset 0x0 to 0x3ff
 */
@SuppressWarnings("ArrayRecordComponent") // copied in and out, compared by content
public record LapicState(byte[] registers) {
    /** Size of the register page in bytes. */
    public static final int SIZE = 0x400;

    /**
     * Copies the page; throws {@link IllegalArgumentException} if its size is not {@link #SIZE}.
     */
    public LapicState {
        Objects.requireNonNull(registers, "registers");
        if (registers.length != SIZE)
            throw new IllegalArgumentException("LAPIC state: 1024 bytes, was " + registers.length);
        registers = registers.clone();
    }

    @Override
    public byte[] registers() {
        return registers.clone();
    }

    @Override
    public boolean equals(Object other) {
        return other instanceof LapicState that && Arrays.equals(registers, that.registers);
    }

    @Override
    public int hashCode() {
        return Arrays.hashCode(registers);
    }

    @Override
    public String toString() {
        return "LapicState[" + registers.length + " bytes]";
    }
}
