package dev.microvm.model;

import java.util.Objects;

/**
 * The optional parts of a machine; each option means what QEMU's option of the same name means.
 *
 * @param irqchip where the interrupt controllers are
 * @param pic two 8259 interrupt controllers
 * @param pit the 8254 interval timer
 * @param rtc the MC146818 real-time clock
 * @param isaSerial the 16550 serial port
 * @param acpi ACPI tables
 * @param autoKernelCmdline parameters that tell the kernel what ACPI tables would tell it
 * @param onReset what follows a reset
 * @param restartLimit how often a reset starts the machine again
 * @param onHalt what follows when the guest has halted for good
 */
public record OptionsSpec(
        Irqchip irqchip,
        Feature pic,
        Feature pit,
        Feature rtc,
        Feature isaSerial,
        Feature acpi,
        Feature autoKernelCmdline,
        ResetAction onReset,
        RestartLimit restartLimit,
        HaltAction onHalt) {
    /** Everything AUTO, which is on. */
    public static final OptionsSpec DEFAULT = new OptionsSpec(
            Irqchip.SPLIT,
            Feature.AUTO,
            Feature.AUTO,
            Feature.AUTO,
            Feature.AUTO,
            Feature.AUTO,
            Feature.AUTO,
            ResetAction.END,
            RestartLimit.DEFAULT,
            HaltAction.END);

    /** Refuses null. */
    public OptionsSpec {
        Objects.requireNonNull(irqchip, "irqchip");
        Objects.requireNonNull(pic, "pic");
        Objects.requireNonNull(pit, "pit");
        Objects.requireNonNull(rtc, "rtc");
        Objects.requireNonNull(isaSerial, "isaSerial");
        Objects.requireNonNull(acpi, "acpi");
        Objects.requireNonNull(autoKernelCmdline, "autoKernelCmdline");
        Objects.requireNonNull(onReset, "onReset");
        Objects.requireNonNull(restartLimit, "restartLimit");
        Objects.requireNonNull(onHalt, "onHalt");
    }

    /** The same with other interrupt controllers. */
    public OptionsSpec withIrqchip(Irqchip value) {
        return new OptionsSpec(value, pic, pit, rtc, isaSerial, acpi, autoKernelCmdline, onReset, restartLimit, onHalt);
    }

    /** The same with another choice about the PICs. */
    public OptionsSpec withPic(Feature value) {
        return new OptionsSpec(
                irqchip, value, pit, rtc, isaSerial, acpi, autoKernelCmdline, onReset, restartLimit, onHalt);
    }

    /** The same with another choice about the PIT. */
    public OptionsSpec withPit(Feature value) {
        return new OptionsSpec(
                irqchip, pic, value, rtc, isaSerial, acpi, autoKernelCmdline, onReset, restartLimit, onHalt);
    }

    /** The same with another choice about the RTC. */
    public OptionsSpec withRtc(Feature value) {
        return new OptionsSpec(
                irqchip, pic, pit, value, isaSerial, acpi, autoKernelCmdline, onReset, restartLimit, onHalt);
    }

    /** The same with another choice about the serial port. */
    public OptionsSpec withIsaSerial(Feature value) {
        return new OptionsSpec(irqchip, pic, pit, rtc, value, acpi, autoKernelCmdline, onReset, restartLimit, onHalt);
    }

    /** The same with another choice about ACPI. */
    public OptionsSpec withAcpi(Feature value) {
        return new OptionsSpec(
                irqchip, pic, pit, rtc, isaSerial, value, autoKernelCmdline, onReset, restartLimit, onHalt);
    }

    /** The same with another choice about the command line. */
    public OptionsSpec withAutoKernelCmdline(Feature value) {
        return new OptionsSpec(irqchip, pic, pit, rtc, isaSerial, acpi, value, onReset, restartLimit, onHalt);
    }

    /** The same with another action after a reset. */
    public OptionsSpec withOnReset(ResetAction value) {
        return new OptionsSpec(irqchip, pic, pit, rtc, isaSerial, acpi, autoKernelCmdline, value, restartLimit, onHalt);
    }

    /** The same with another limit of restarts. */
    public OptionsSpec withRestartLimit(RestartLimit value) {
        return new OptionsSpec(irqchip, pic, pit, rtc, isaSerial, acpi, autoKernelCmdline, onReset, value, onHalt);
    }

    /** The same with another action after a halt. */
    public OptionsSpec withOnHalt(HaltAction value) {
        return new OptionsSpec(
                irqchip, pic, pit, rtc, isaSerial, acpi, autoKernelCmdline, onReset, restartLimit, value);
    }
}
