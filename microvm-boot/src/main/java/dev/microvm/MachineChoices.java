package dev.microvm;

import dev.microvm.hypervisor.Capability;
import java.util.List;
import java.util.Set;

/** Which parts the user wants of a machine, and what comes of it. For one thread. */
final class MachineChoices {
    private static final Part PIC = Part.present("kernels look for it, and it costs nothing");
    private static final Part PIT = Part.present("kernels measure time with it where they know nothing better");
    private static final Part RTC = Part.present("a guest has the date from it");
    private static final Part ISA_SERIAL = Part.present("it is the console");
    private static final Part ACPI = Part.present("a guest finds CPUs and devices by it, and turns itself off");
    private static final Part NO_PARAMETERS = Part.absent("the ACPI tables say all that a kernel must know");
    private static final Part PARAMETERS = Part.present("there are no ACPI tables that say what the kernel must know");

    Irqchip irqchip = Irqchip.SPLIT;
    Feature pic = Feature.AUTO;
    Feature pit = Feature.AUTO;
    Feature rtc = Feature.AUTO;
    Feature isaSerial = Feature.AUTO;
    Feature acpi = Feature.AUTO;
    Feature autoKernelCmdline = Feature.AUTO;

    /**
     * Decides what the user left open.
     *
     * @param hypervisor what it offers such a machine
     * @param problems takes what contradicts itself
     */
    MachineOptions decide(Set<Capability> hypervisor, List<String> problems) {
        if (irqchip == Irqchip.KERNEL && !hypervisor.contains(Capability.KERNEL_PIT)) {
            problems.add(
                    "irqchip: KERNEL needs a hypervisor with interrupt controllers and a PIT of its own, as KVM has:"
                            + " choose SPLIT, or hypervisor(KVM)");
        }
        if (irqchip == Irqchip.KERNEL && pic == Feature.OFF) {
            problems.add("pic: OFF needs irqchip(SPLIT): the hypervisor's own interrupt controllers come with PICs");
        }
        if (pit == Feature.OFF
                && !hypervisor.contains(Capability.TSC_DEADLINE)
                && !hypervisor.contains(Capability.PARAVIRTUAL_CLOCK)) {
            problems.add("pit: OFF needs a hypervisor with a TSC-deadline timer or a paravirtual clock, as a guest has"
                    + " nothing else to measure time with: leave the PIT on");
        }
        Part tables = Part.decide(acpi, ACPI);
        return new MachineOptions(
                irqchip,
                Part.decide(pic, PIC),
                Part.decide(pit, PIT),
                Part.decide(rtc, RTC),
                Part.decide(isaSerial, ISA_SERIAL),
                tables,
                Part.decide(autoKernelCmdline, tables.present() ? NO_PARAMETERS : PARAMETERS));
    }
}
