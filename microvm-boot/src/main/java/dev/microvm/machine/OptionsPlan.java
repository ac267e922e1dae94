package dev.microvm.machine;

import dev.microvm.model.Irqchip;
import java.util.ArrayList;
import java.util.List;

/**
 * Which parts a machine has, decided.
 *
 * @param irqchip where the interrupt controllers are
 * @param pic two 8259
 * @param pit an 8254 with its speaker gate
 * @param rtc an MC146818
 * @param isaSerial a 16550 as COM1
 * @param acpi ACPI tables; without them the guest finds CPUs and IOAPIC by the MP table
 * @param autoKernelCmdline parameters that tell the kernel what it has no ACPI tables to read in
 */
public record OptionsPlan(
        Irqchip irqchip,
        Decision pic,
        Decision pit,
        Decision rtc,
        Decision isaSerial,
        Decision acpi,
        Decision autoKernelCmdline) {
    /** Keeps Linux from looking for ACPI tables, and from calling it the firmware's fault that there are none. */
    private static final String NO_ACPI_PARAMETER = "acpi=off";

    /**
     * Keeps Linux from making a device of an RTC that is not there, and from waiting for it again and again: arch/x86/kernel/rtc.c
     * makes it unless ACPI says that there is none.
     */
    private static final String NO_RTC_PARAMETER = "initcall_blacklist=add_rtc_cmos";

    /** The kernel's command line for who gives none: console on the serial port or, without one, on the virtio console, and an end of the machine by reset. */
    public String defaultCmdline(boolean virtioConsole) {
        String console = isaSerial.present() ? "console=ttyS0 " : virtioConsole ? "console=hvc0 " : "";
        return console + "reboot=k panic=-1";
    }

    /** What the kernel must be told beside the user's command line. */
    public List<String> kernelParameters(List<VirtioSlot> virtio) {
        if (!autoKernelCmdline.present() || acpi.present()) return List.of();
        List<String> parameters = new ArrayList<>();
        parameters.add(NO_ACPI_PARAMETER);
        if (!rtc.present()) parameters.add(NO_RTC_PARAMETER);
        virtio.forEach(slot -> parameters.add(slot.kernelParameter()));
        return parameters;
    }

    /** The IOAPIC pin of the timer, as the tables must say it. */
    public int timerPin() {
        return irqchip == Irqchip.KERNEL ? KernelInterrupts.TIMER_PIN : SplitInterrupts.TIMER_PIN;
    }
}
