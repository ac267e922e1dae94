package dev.microvm.machine;

import dev.microvm.hypervisor.Capability;
import dev.microvm.model.Feature;
import dev.microvm.model.Irqchip;
import dev.microvm.model.OptionsSpec;
import java.util.List;
import java.util.Set;

/** Decides which parts a machine has, and says why. */
final class OptionsPlanner {
    private static final Decision PIC = Decision.present("kernels look for it, and it costs nothing");
    private static final Decision PIT = Decision.present("kernels measure time with it where they know nothing better");
    private static final Decision RTC = Decision.present("a guest has the date from it");
    private static final Decision ISA_SERIAL = Decision.present("it is the console");
    private static final Decision ACPI = Decision.present("a guest finds CPUs and devices by it, and turns itself off");
    private static final Decision NO_PARAMETERS = Decision.absent("the ACPI tables say all that a kernel must know");
    private static final Decision PARAMETERS =
            Decision.present("there are no ACPI tables that say what the kernel must know");

    private OptionsPlanner() {}

    /**
     * Decides what the user left open.
     *
     * @param hypervisor what it offers such a machine
     * @param problems takes what contradicts itself
     */
    static OptionsPlan decide(OptionsSpec wanted, Set<Capability> hypervisor, List<String> problems) {
        if (wanted.irqchip() == Irqchip.KERNEL && !hypervisor.contains(Capability.KERNEL_PIT)) {
            problems.add(
                    "irqchip: KERNEL needs a hypervisor with interrupt controllers and a PIT of its own, as KVM has:"
                            + " choose SPLIT, or hypervisor(KVM)");
        }
        if (wanted.irqchip() == Irqchip.KERNEL && wanted.pic() == Feature.OFF) {
            problems.add("pic: OFF needs irqchip(SPLIT): the hypervisor's own interrupt controllers come with PICs");
        }
        if (wanted.pit() == Feature.OFF
                && !hypervisor.contains(Capability.TSC_DEADLINE)
                && !hypervisor.contains(Capability.PARAVIRTUAL_CLOCK)) {
            problems.add("pit: OFF needs a hypervisor with a TSC-deadline timer or a paravirtual clock, as a guest has"
                    + " nothing else to measure time with: leave the PIT on");
        }
        Decision tables = Decision.decide(wanted.acpi(), ACPI);
        return new OptionsPlan(
                wanted.irqchip(),
                Decision.decide(wanted.pic(), PIC),
                Decision.decide(wanted.pit(), PIT),
                Decision.decide(wanted.rtc(), RTC),
                Decision.decide(wanted.isaSerial(), ISA_SERIAL),
                tables,
                Decision.decide(wanted.autoKernelCmdline(), tables.present() ? NO_PARAMETERS : PARAMETERS));
    }
}
