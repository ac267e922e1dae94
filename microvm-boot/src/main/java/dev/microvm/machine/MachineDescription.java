package dev.microvm.machine;

import static java.util.stream.Collectors.joining;

import dev.microvm.boot.BootLayout;
import dev.microvm.boot.BootPlan;
import dev.microvm.boot.FirmwareImage;
import dev.microvm.boot.FirmwareKernel;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.StartPlan;
import dev.microvm.boot.tables.E820Map;
import dev.microvm.boot.tables.MultibootInfo;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import dev.microvm.model.Irqchip;
import java.util.List;
import java.util.SortedMap;
import java.util.TreeMap;

/** Describes machines in words. */
public final class MachineDescription {
    private MachineDescription() {}

    /**
     * Describes a machine.
     *
     * @param parts the parts on its buses; empty before the start
     */
    public static String of(MachinePlan config, List<PartPlan> parts) {
        StringBuilder text = new StringBuilder();
        line(text, "machine", config.name());
        line(text, "hypervisor", config.hypervisor().name() + ": " + config.choice());
        line(text, "clock", config.clock().toString());
        config.typed().forEach(input -> line(text, "typed", "\"%s\" at %s".formatted(input.text(), input.at())));
        line(text, "vcpus", String.valueOf(config.vcpus()));
        line(text, "cpuShare", config.spec().cpus().share() + " % of a host CPU for each vCPU");
        List<CpuidEntry> cpuid = config.cpuid(0);
        line(text, "cpu", config.cpus().policy().toString());
        line(
                text,
                "cpu features",
                CpuFeature.in(cpuid).stream().map(CpuFeature::name).collect(joining(" ")));
        cpuid.forEach(entry -> line(text, "cpuid", entry.toString().replace("cpuid ", "")));
        line(text, "memory", (config.memorySize() >> 20) + " MiB");
        if (config.start() instanceof GuestStart.Boot boot) memoryMap(text, boot.plan());
        OptionsPlan options = config.options();
        line(
                text,
                "irqchip",
                options.irqchip() == Irqchip.KERNEL
                        ? "KERNEL: local APICs, IOAPIC, PICs and PIT in the hypervisor"
                        : "SPLIT: only local APICs in the hypervisor");
        part(text, "pic", options.pic());
        part(text, "pit", options.pit());
        part(text, "rtc", options.rtc());
        part(text, "isaSerial", options.isaSerial());
        part(text, "acpi", options.acpi());
        part(text, "autoKernelCmdline", options.autoKernelCmdline());
        KernelImage kernel = config.kernel();
        if (kernel != null) line(text, "kernel", "%s (%s)".formatted(kernel.file(), format(kernel)));
        switch (config.start()) {
            case GuestStart.Boot boot -> start(text, config, boot.plan());
            case GuestStart.Continue from ->
                line(
                        text,
                        "boot",
                        "continued from %s, saved on %s at %s"
                                .formatted(
                                        from.memory().backing(),
                                        from.state().hypervisor(),
                                        from.state().takenAt()));
        }
        line(text, "serial", config.spec().console().toString());
        config.fwCfg()
                .files()
                .forEach((name, item) -> line(text, "fw_cfg", "%s (%d bytes)".formatted(name, item.size())));
        config.virtio()
                .forEach(slot -> line(
                        text,
                        "virtio",
                        "%s %s at [0x%x, 0x%x), GSI %d"
                                .formatted(
                                        slot.name(),
                                        slot.version(),
                                        slot.base(),
                                        slot.base() + VirtioMmio.RANGE,
                                        slot.gsi())));
        onBuses(text, config, parts);
        line(text, "threads", String.valueOf(BudgetShares.threads(config)));
        JvmBudgets.all().forEach(budget -> line(text, "budget", inWords(budget)));
        return text.toString();
    }

    private static void memoryMap(StringBuilder text, StartPlan plan) {
        for (E820Map.Entry entry : plan.memoryMap().entries()) {
            line(text, "memory", "[0x%x, 0x%x) %s".formatted(entry.start(), entry.end(), entry.type()));
        }
    }

    private static void start(StringBuilder text, MachinePlan config, StartPlan start) {
        switch (start) {
            case BootPlan boot -> direct(text, boot);
            case FirmwarePlan plan -> {
                byFirmware(text, plan);
                part(text, "optionRoms", config.optionRoms());
            }
        }
        start.tables().forEach(table -> line(text, "table", table));
    }

    private static void direct(StringBuilder text, BootPlan boot) {
        line(
                text,
                "boot",
                "%s, %s, kernel at [0x%x, 0x%x), entry 0x%x"
                        .formatted(
                                boot.protocol(),
                                boot.guestUnpacks() ? "unpacked by the guest" : "loaded ready to run",
                                boot.kernelStart(),
                                boot.kernelEnd(),
                                boot.entry()));
        if (boot.initrdAddress() != 0) line(text, "initrd", "at 0x%x".formatted(boot.initrdAddress()));
        for (MultibootInfo.Module module : boot.modules()) {
            line(text, "module", "at [0x%x, 0x%x) %s".formatted(module.start(), module.end(), module.cmdline()));
        }
        line(text, "cmdline", boot.cmdline());
    }

    private static void byFirmware(StringBuilder text, FirmwarePlan plan) {
        FirmwareImage image = plan.image();
        line(
                text,
                "firmware",
                "%s at [0x%x, 0x%x), its end also at [0x%x, 0x%x)"
                        .formatted(
                                image.file(),
                                BootLayout.ROM_END - image.size(),
                                BootLayout.ROM_END,
                                BootLayout.HIGH_MEMORY - image.copySize(),
                                BootLayout.HIGH_MEMORY));
        line(text, "boot", plan.kernel().map(MachineDescription::byFirmware).orElse("left to the firmware"));
        plan.kernel().ifPresent(kernel -> line(text, "cmdline", kernel.cmdline().toString()));
    }

    private static String byFirmware(FirmwareKernel kernel) {
        return kernel.entry().isPresent()
                ? "by firmware, PVH, kernel at [0x%x, 0x%x), entry 0x%x"
                        .formatted(
                                kernel.address(),
                                kernel.address() + kernel.size(),
                                kernel.entry().getAsLong())
                : "by firmware, real mode, kernel for [0x%x, 0x%x)"
                        .formatted(kernel.address(), kernel.address() + kernel.size());
    }

    private static void part(StringBuilder text, String what, Decision part) {
        line(text, what, "%-3s (%s)".formatted(part.present() ? "on" : "off", part.why()));
    }

    private static String format(KernelImage kernel) {
        return kernel.isFlat() ? "flat" : kernel.isBzImage() ? "bzImage" : "ELF";
    }

    /** Lists the parts on each bus, by rising address. */
    private static void onBuses(StringBuilder text, MachinePlan config, List<PartPlan> parts) {
        List<PartPlan> virtio =
                config.virtio().stream().map(VirtioSlot::part).toList(); // listed above, with their interrupts
        SortedMap<Long, String> ports = new TreeMap<>();
        SortedMap<Long, String> mmio = new TreeMap<>();
        for (PartPlan part : parts) {
            for (Place place : part.places()) {
                boolean first = place.equals(part.place());
                (place.port() ? ports : mmio)
                        .put(
                                place.base(),
                                "[0x%x, 0x%x) %s%s"
                                        .formatted(
                                                place.base(),
                                                place.end(),
                                                place.title(),
                                                first && !virtio.contains(part) ? interrupt(part) : ""));
            }
        }
        ports.values().forEach(range -> line(text, "port", range));
        mmio.values().forEach(range -> line(text, "mmio", range));
    }

    /** Says how much all machines of the JVM use of a budget. */
    private static String inWords(Budget budget) {
        return budget.limit() == Long.MAX_VALUE
                ? "%d %s in use by all machines, no limit".formatted(budget.used(), budget.name())
                : "%d of %d %s in use by all machines".formatted(budget.used(), budget.limit(), budget.name());
    }

    private static String interrupt(PartPlan part) {
        return part.irq().isPresent() ? ", GSI " + part.gsi() : "";
    }

    private static void line(StringBuilder text, String what, String value) {
        text.append("%-18s %s%n".formatted(what, value));
    }
}
