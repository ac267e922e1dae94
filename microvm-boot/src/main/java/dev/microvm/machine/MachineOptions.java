package dev.microvm.machine;

import dev.microvm.boot.tables.AcpiConfig;
import dev.microvm.boot.tables.AcpiConfig.GenericEvents;
import dev.microvm.boot.tables.AcpiConfig.IoApic;
import dev.microvm.boot.tables.AcpiConfig.LegacyParts;
import dev.microvm.boot.tables.AcpiConfig.Register;
import dev.microvm.boot.tables.AcpiConfig.ResetRegister;
import dev.microvm.boot.tables.AcpiConfig.SleepRegisters;
import dev.microvm.boot.tables.AcpiDevice;
import dev.microvm.devices.power.GenericEventDevice;
import dev.microvm.machine.PcLayout.Place;
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
public record MachineOptions(
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

    private static final IoApic SECOND_IO_APIC = new IoApic(1, Place.SECOND_IOAPIC.base(), PcLayout.SECOND_IOAPIC_GSI);

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

    /** What the ACPI tables say of such a machine. */
    public AcpiConfig acpiConfig(int cpus, List<VirtioSlot> virtio) {
        List<AcpiDevice> devices = new ArrayList<>();
        if (isaSerial.present()) devices.add(AcpiDevice.serialPort(1, (int) Place.COM1.base(), Place.COM1.gsi()));
        if (rtc.present()) devices.add(AcpiDevice.realTimeClock());
        devices.add(AcpiDevice.keyboardController());
        devices.add(AcpiDevice.firmwareConfiguration((int) Place.FW_CFG.base(), (int) Place.FW_CFG.size()));
        virtio.forEach(slot -> devices.add(slot.acpiDevice()));
        List<IoApic> ioApics = PcLayout.needsSecondIoApic(virtio.size())
                ? List.of(AcpiConfig.PC_IO_APIC, SECOND_IO_APIC)
                : List.of(AcpiConfig.PC_IO_APIC);
        return AcpiConfig.of(cpus)
                .withIoApics(ioApics)
                .withTimerPin(timerPin())
                .withLegacy(new LegacyParts(
                        pic.present(), /* keyboardController= */ true, rtc.present(), isaSerial.present()))
                .withDevices(devices)
                .withReset(new ResetRegister(register(GenericEventDevice.RESET), GenericEventDevice.RESET_VALUE))
                .withSleep(new SleepRegisters(
                        register(GenericEventDevice.SLEEP_CONTROL), register(GenericEventDevice.SLEEP_STATUS)))
                .withEvents(new GenericEvents(
                        Place.GENERIC_EVENTS.base() + GenericEventDevice.EVENT_SELECT,
                        Place.GENERIC_EVENTS.gsi(),
                        GenericEventDevice.POWER_BUTTON));
    }

    private static Register register(int offset) {
        return Register.memory(Place.GENERIC_EVENTS.base() + offset);
    }
}
