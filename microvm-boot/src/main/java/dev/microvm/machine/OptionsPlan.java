package dev.microvm.machine;

import dev.microvm.model.Irqchip;
import java.util.ArrayList;
import java.util.List;

/**
 * The decided optional parts of a machine.
 *
 * @param irqchip where the interrupt controllers are
 * @param pic two 8259 interrupt controllers
 * @param pit an 8254 with its speaker gate
 * @param rtc an MC146818
 * @param isaSerial a 16550 as COM1
 * @param acpi ACPI tables; without them the guest finds CPUs and IOAPIC by the MP table
 * @param autoKernelCmdline parameters that tell the kernel what ACPI tables would tell it
 */
public record OptionsPlan(
        Irqchip irqchip,
        Decision pic,
        Decision pit,
        Decision rtc,
        Decision isaSerial,
        Decision acpi,
        Decision autoKernelCmdline) {
    /** Keeps Linux from looking for ACPI tables, and from blaming firmware for the lack of them. */
    private static final String NO_ACPI_PARAMETER = "acpi=off";

    /**
     * Keeps Linux from waiting for an RTC that does not exist: arch/x86/kernel/rtc.c adds the
     * device unless ACPI says that there is none.
     */
    private static final String NO_RTC_PARAMETER = "initcall_blacklist=add_rtc_cmos";

    /**
     * Returns the default command line: the console is the serial port, or the virtio console if
     * there is no serial port; a reset or a panic ends the machine.
     */
    public String defaultCmdline(boolean virtioConsole) {
        String console = isaSerial.present() ? "console=ttyS0 " : virtioConsole ? "console=hvc0 " : "";
        return console + "reboot=k panic=-1";
    }

    /** Returns the parameters to add to the user's command line. */
    public List<String> kernelParameters(List<VirtioSlot> virtio) {
        if (!autoKernelCmdline.present() || acpi.present()) return List.of();
        List<String> parameters = new ArrayList<>();
        parameters.add(NO_ACPI_PARAMETER);
        if (!rtc.present()) parameters.add(NO_RTC_PARAMETER);
        virtio.forEach(slot -> parameters.add(slot.kernelParameter()));
        return parameters;
    }

    /** Returns the IOAPIC pin of the timer, for the tables. */
    public int timerPin() {
        return irqchip == Irqchip.KERNEL ? KernelInterrupts.TIMER_PIN : SplitInterrupts.TIMER_PIN;
    }
}
