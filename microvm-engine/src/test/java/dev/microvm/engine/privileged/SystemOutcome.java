package dev.microvm.engine.privileged;

import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.List;

/**
 * How a case ended.
 *
 * @param end the port that was written to last: a handler's vector, or {@link Layout#END_PORT}; or
 *     {@link #SHUTDOWN} and the like
 * @param ports what was read from ports and written to them, as text
 * @param msrs as {@link SystemCase#MSRS}
 * @param reason why the hypervisor could not go on, if that is the end
 */
@SuppressWarnings("ArrayRecordComponent") // outcomes are compared part by part
record SystemOutcome(
        int end,
        List<String> ports,
        Registers registers,
        SpecialRegisters special,
        DebugRegisters debug,
        List<MsrEntry> msrs,
        long xcr0,
        byte[] memory,
        String reason) {
    /** A triple fault. */
    static final int SHUTDOWN = -1;

    /** HLT. */
    static final int HALTED = -2;

    /** It did not end. */
    static final int ENDLESS = -3;

    /** The hypervisor could not go on. */
    static final int FAILED = -4;

    /** What {@link #end} says. */
    String ending() {
        return switch (end) {
            case SHUTDOWN -> "shutdown";
            case HALTED -> "halt";
            case ENDLESS -> "no end";
            case FAILED -> "failure: " + reason;
            case Layout.END_PORT -> "end";
            default -> "vector " + end;
        };
    }
}
