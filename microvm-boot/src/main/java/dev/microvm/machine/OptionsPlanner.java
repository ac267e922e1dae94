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
    private static final Decision PIT = Decision.present("kernels without a better clock measure time with it");
    private static final Decision RTC = Decision.present("guests read the date from it");
    private static final Decision ISA_SERIAL = Decision.present("it is the console");
    private static final Decision ACPI =
            Decision.present("guests find CPUs and devices by it, and turn themselves off");
    private static final Decision NO_PARAMETERS = Decision.absent("ACPI tables tell the kernel everything");
    private static final Decision PARAMETERS = Decision.present("no ACPI tables tell the kernel about its machine");

    private OptionsPlanner() {}

    /**
     * Decides the parts that the user left to the machine.
     *
     * @param hypervisor what the hypervisor offers to such a machine
     * @param problems receives the contradictions
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
            problems.add("pit: OFF needs a hypervisor with a TSC-deadline timer or a paravirtual clock,"
                    + " without which a guest cannot measure time: leave the PIT on");
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
