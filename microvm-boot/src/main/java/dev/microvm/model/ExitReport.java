package dev.microvm.model;

import java.time.Duration;
import java.util.OptionalInt;

/**
 * How a guest ended.
 *
 * @param reason what happened
 * @param exitCode what the guest wrote to the exit port; empty if it did not
 * @param detail more in words: which register reset it, the line of a kernel panic, the registers of a failed vCPU
 * @param uptime from the start of its vCPUs to its end, pauses included
 */
public record ExitReport(Reason reason, OptionalInt exitCode, String detail, Duration uptime) {
    /** What ended a guest. */
    public enum Reason {
        /** The guest asked for a reset: {@code reboot=k}, an ordinary reboot. */
        RESET,
        /** The guest turned itself off by ACPI: {@code poweroff}. */
        POWER_OFF,
        /** A triple fault: {@code reboot=t}, or a guest gone wrong. */
        TRIPLE_FAULT,
        /** The guest wrote to the exit port; there is an exit code. */
        EXIT_PORT,
        /** The guest's kernel said on the console that it panicked, and then reset: {@code panic=-1}. */
        PANIC,
        /** The host stopped it: {@code MicroVm.stop} or {@code MicroVm.close}. */
        STOPPED,
        /** A vCPU could not go on, or a device failed on the host's side. */
        FAILED
    }

    @Override
    public String toString() {
        StringBuilder text = new StringBuilder(reason.name());
        exitCode.ifPresent(code -> text.append(" with code ").append(code));
        if (!detail.isEmpty()) text.append(": ").append(detail);
        return text.append(" (after ").append(uptime.toMillis()).append(" ms)").toString();
    }
}
