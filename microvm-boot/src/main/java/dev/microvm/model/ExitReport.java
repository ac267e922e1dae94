package dev.microvm.model;

import java.time.Duration;
import java.util.Objects;
import java.util.OptionalInt;

/**
 * Says how a guest ended.
 *
 * @param reason what happened
 * @param exitCode the code that the guest wrote to the exit port; empty if it wrote none
 * @param detail more in words, such as the register that reset it, the line of a kernel panic, or
 *     the registers of a failed vCPU; may be empty
 * @param uptime host time from the start of its vCPUs to its end, pauses included
 */
public record ExitReport(Reason reason, OptionalInt exitCode, String detail, Duration uptime) {
    /** Refuses null. */
    public ExitReport {
        Objects.requireNonNull(reason, "reason");
        Objects.requireNonNull(exitCode, "exitCode");
        Objects.requireNonNull(detail, "detail");
        Objects.requireNonNull(uptime, "uptime");
    }

    /** The reason why a guest ended. */
    public enum Reason {
        /** The guest asked for a reset: {@code reboot=k}, an ordinary reboot. */
        RESET,
        /** The guest turned itself off by ACPI: {@code poweroff}. */
        POWER_OFF,
        /** A vCPU had a triple fault: {@code reboot=t}, or an error of the guest. */
        TRIPLE_FAULT,
        /** The guest wrote to the exit port; there is an exit code. */
        EXIT_PORT,
        /**
         * The kernel reported a panic on the console and then reset the machine: {@code panic=-1}.
         */
        PANIC,
        /**
         * The guest has halted for good: {@code halt}, or a kernel that stops after an error. It is
         * noticed within two seconds; {@code onHalt(STAY)} keeps the machine instead.
         */
        HALTED,
        /** A vCPU runs code where there is no memory: an error of the guest. */
        GUEST_ERROR,
        /** The host stopped the guest: {@code MicroVm.stop} or {@code MicroVm.close}. */
        STOPPED,
        /** A vCPU could not continue, or a device failed on the host. */
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
