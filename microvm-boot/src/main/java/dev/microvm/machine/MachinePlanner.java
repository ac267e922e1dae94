package dev.microvm.machine;

import dev.microvm.boot.BootException;
import dev.microvm.boot.BootLayout;
import dev.microvm.boot.BootModule;
import dev.microvm.boot.BootPlan;
import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.CommandLine;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.Initrd;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.StartPlan;
import dev.microvm.boot.Unpacking;
import dev.microvm.boot.tables.MpTable;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.linux.LinuxHost;
import dev.microvm.machine.MachinePlan.UserDevice;
import dev.microvm.model.BootSpec;
import dev.microvm.model.BusDeviceSpec;
import dev.microvm.model.ConsoleSpec;
import dev.microvm.model.Content;
import dev.microvm.model.CpuSpec;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.NetSpec;
import dev.microvm.model.VirtioDeviceSpec;
import dev.microvm.snapshot.SavedVcpu;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * Decides what a machine will be. Checks a description for contradictions, and against the host's
 * hypervisor and the files that it names; collects every problem. Keeps nothing open. For one
 * thread and one plan.
 */
public final class MachinePlanner {
    private static final AtomicInteger UNNAMED = new AtomicInteger();
    private final MachineSpec spec;
    private final HostExtras extras;
    private final FirmwarePlanner firmware;
    private final List<String> problems;
    private final GuestStart.@Nullable Continue continued;

    /** Plans a machine from a description and the user's code beside it. */
    public MachinePlanner(MachineSpec spec, HostExtras extras) {
        this(spec, extras, null);
    }

    /**
     * Plans a machine that continues another one; its description may differ in what the guest
     * cannot see.
     */
    public MachinePlanner(MachineSpec spec, HostExtras extras, GuestStart.@Nullable Continue continued) {
        this.continued = continued;
        this.spec = spec;
        this.extras = extras;
        this.firmware = new FirmwarePlanner(spec.boot().firmware());
        this.problems = new ArrayList<>(spec.problems());
    }

    /**
     * Returns what prevents the machine from being built, each with option, value and remedy;
     * complete after {@link #plan}.
     */
    public List<String> problems() {
        return List.copyOf(problems);
    }

    /** Returns the decided machine; null if there are {@link #problems}. */
    public @Nullable MachinePlan plan() {
        String given = spec.name();
        String name = given == null ? "vm-" + UNNAMED.incrementAndGet() : given;
        SelectedHypervisor selected = selectHypervisor();
        Set<Capability> offers = offers(selected);
        OptionsPlan options = OptionsPlanner.decide(spec.options(), offers, problems);
        List<VirtioSlot> slots = new VirtioPlanner(spec, extras, name).slots(options, problems);
        PlannedParts parts =
                PlannedParts.of(options, slots, firmware.given(), spec.devices().own());
        problems.addAll(parts.problems());
        checkCode(offers);
        if (selected != null) checkHost(); // else nothing may be possible, for the same reason
        CpuPlan cpus = cpus(selected, offers.contains(Capability.TSC_DEADLINE));
        if (continued != null && selected != null) checkContinued(continued, cpus, selected);
        KernelImage kernel = continued == null ? openKernel() : null;
        if (selected != null && kernel != null)
            SmallGuests.problem(selected, kernel).ifPresent(problems::add);
        StartPlan plan = continued == null ? start(kernel, options, slots, parts) : null;
        GuestStart start = continued != null ? continued : plan == null ? null : new GuestStart.Boot(plan);
        FwCfg.Builder fwCfg = FwCfgContents.ofMachine(
                options, spec.cpus().vcpus(), spec.memory().bytes());
        firmware.fill(fwCfg, plan, problems);
        List<UserDevice> devices = devices();
        if (!problems.isEmpty() || selected == null || start == null) return null;
        return new MachinePlan(
                spec,
                extras,
                name,
                selected,
                options,
                cpus,
                kernel,
                start,
                firmware.optionRoms(),
                fwCfg,
                slots,
                devices);
    }

    /** Returns the problem of an option whose code is missing. */
    static String missingCode(String option) {
        return option + ": it is code, which a description does not hold: give it to the builder again";
    }

    private @Nullable SelectedHypervisor selectHypervisor() {
        if (continued != null && continued.selected() != null) return continued.selected();
        try {
            HypervisorChoice given = spec.hypervisor();
            HypervisorChoice choice = given == null ? HypervisorChoice.ofProperty() : given;
            return SelectedHypervisor.select(choice, Hypervisor.installed());
        } catch (HypervisorException e) {
            problems.add("hypervisor: " + e.getMessage());
            return null;
        }
    }

    /**
     * Returns what the hypervisor offers to such a machine; everything if no hypervisor was found,
     * which is reported separately.
     */
    private Set<Capability> offers(@Nullable SelectedHypervisor selected) {
        return selected == null
                ? EnumSet.allOf(Capability.class)
                : selected.hypervisor().capabilities(spec.options().irqchip().mode());
    }

    private CpuPlan cpus(@Nullable SelectedHypervisor selected, boolean tscDeadline) {
        int vcpus = vcpus();
        int threads = spec.cpus().threadsPerCore();
        if (selected == null) {
            return new CpuPlan(
                    vcpus, threads, List.of(), tscDeadline, spec.cpus().cpuidPolicy());
        }
        Hypervisor hypervisor = selected.hypervisor();
        CpuPlan plan = new CpuPlan(
                vcpus,
                threads,
                hypervisor.supportedCpuid(spec.clock().clock()),
                tscDeadline,
                spec.cpus().cpuidPolicy());
        problems.addAll(plan.policy().problems(plan.offered(0), hypervisor.name()));
        return plan;
    }

    /** Reports what needs functions of Linux that cannot be called. */
    private void checkHost() {
        boolean stdio = spec.console() instanceof ConsoleSpec.Stdio
                && spec.console().problem().isEmpty(); // else it is reported already
        boolean tap = spec.devices().virtio().stream()
                .anyMatch(each -> each instanceof VirtioDeviceSpec.Net net && net.network() instanceof NetSpec.Tap);
        if (!stdio && !tap) return;
        LinuxHost.problem().ifPresent(problem -> {
            if (stdio)
                problems.add(
                        "serial: stdio() is not possible: %s; use streams(System.in, System.out)".formatted(problem));
            if (tap) problems.add("virtioNet: a tap is not possible: %s; use UserNetwork".formatted(problem));
        });
    }

    /** Reports a clock that the hypervisor does not offer, and missing code. */
    private void checkCode(Set<Capability> offers) {
        if (!spec.clock().isHosts() && !offers.contains(Capability.INSTRUCTION_CLOCK)) {
            problems.add("clock: %s needs hypervisor(ENGINE) and irqchip(SPLIT), which alone count instructions"
                    .formatted(spec.clock().clock()));
        }
        if (spec.clock().ownRtcClock() && extras.rtcClock() == null) problems.add(missingCode("rtcClock"));
        if (spec.console() instanceof ConsoleSpec.Streams && extras.console() == null) {
            problems.add(missingCode("serial"));
        }
    }

    /** Reports what the guest has found and would miss here. */
    private void checkContinued(GuestStart.Continue from, CpuPlan cpus, SelectedHypervisor selected) {
        problems.addAll(from.memory().backing().problems(spec.memory().bytes()));
        for (SavedVcpu vcpu : from.state().vcpus()) {
            Set<CpuFeature> missing = new LinkedHashSet<>(CpuFeature.in(vcpu.cpuid()));
            CpuFeature.in(cpus.offered(0)).forEach(missing::remove);
            if (missing.isEmpty()) continue;
            String names = missing.stream().map(CpuFeature::name).collect(Collectors.joining(" "));
            problems.add(("cpuFeature: the guest has found %s, which %s does not offer on this host: continue it on a"
                            + " host like the first, or take the snapshot of a machine without them")
                    .formatted(names, selected.hypervisor().name()));
            return;
        }
    }

    private List<UserDevice> devices() {
        List<UserDevice> devices = new ArrayList<>();
        for (int i = 0; i < spec.devices().own().size(); i++) {
            BusDeviceSpec device = spec.devices().own().get(i);
            DeviceFactory factory = extras.own().get(i);
            if (factory == null) {
                problems.add(missingCode(device.option()));
            } else {
                devices.add(new UserDevice(device, factory));
            }
        }
        return devices;
    }

    private @Nullable KernelImage openKernel() {
        if (spec.boot().kernel() == null) return null;
        try {
            return KernelImage.open(spec.boot().kernel());
        } catch (BootException e) {
            problems.add("kernel: " + e.getMessage());
            return null;
        }
    }

    private @Nullable Initrd openInitrd() {
        Content content = spec.boot().initrd();
        if (content == null) return null;
        try {
            return switch (content) {
                case Content.InFile in -> Initrd.open(in.file());
                case Content.Bytes bytes -> Initrd.of(bytes.bytes());
            };
        } catch (BootException e) {
            problems.add("initrd: " + e.getMessage());
            return null;
        }
    }

    private List<BootModule> openModules() {
        List<BootModule> opened = new ArrayList<>();
        List<BootSpec.ModuleSpec> modules = spec.boot().modules();
        for (int i = 0; i < modules.size(); i++) {
            BootSpec.ModuleSpec module = modules.get(i);
            try {
                opened.add(
                        switch (module.content()) {
                            case Content.InFile in -> BootModule.open(in.file(), module.cmdline());
                            case Content.Bytes bytes -> BootModule.of(bytes.bytes(), module.cmdline());
                        });
            } catch (BootException e) {
                problems.add("module %d: %s".formatted(i + 1, e.getMessage()));
            }
        }
        return opened;
    }

    /** Returns how many vCPUs, within what a machine can have, so that the rest can be checked. */
    private int vcpus() {
        return Math.clamp(spec.cpus().vcpus(), 1, CpuSpec.MAX_VCPUS);
    }

    private @Nullable StartPlan start(
            @Nullable KernelImage image, OptionsPlan options, List<VirtioSlot> slots, PlannedParts parts) {
        Initrd initrd = openInitrd();
        List<BootModule> modules = openModules();
        try {
            if (firmware.given()) return byFirmware(image, initrd, options, slots, parts);
            if (image == null || !spec.memory().isEnough()) return null;
            int cpus = vcpus();
            BootPlan.Builder plan = BootPlan.builder(
                            image, BootLayout.memoryMap(spec.memory().bytes()))
                    .protocol(spec.boot().protocol())
                    .unpacking(spec.boot().unpacking())
                    .cmdline(commandLine(options, slots))
                    .mpTable(new MpTable(cpus, options.timerPin()));
            if (options.acpi().present()) plan.acpi(parts.acpi(cpus));
            if (initrd != null) plan.initrd(initrd);
            modules.forEach(plan::module);
            return plan.build();
        } catch (BootException e) {
            problems.add(String.valueOf(e.getMessage()));
            return null;
        }
    }

    private @Nullable FirmwarePlan byFirmware(
            @Nullable KernelImage image,
            @Nullable Initrd initrd,
            OptionsPlan options,
            List<VirtioSlot> slots,
            PlannedParts parts) {
        checkForFirmware(image);
        FirmwarePlan.Builder plan = firmware.begin(spec.memory().bytes(), problems);
        if (plan == null) return null;
        if (options.acpi().present()) {
            plan.acpi(parts.acpi(vcpus()));
        }
        if (image != null) plan.kernel(image, commandLine(options, slots), initrd);
        return plan.build();
    }

    private CommandLine commandLine(OptionsPlan options, List<VirtioSlot> slots) {
        String given = spec.boot().cmdline();
        boolean console = spec.devices().hasConsole();
        return CommandLine.of(given == null ? options.defaultCmdline(console) : given)
                .with(options.kernelParameters(slots))
                .with(spec.devices().networkParameters());
    }

    /** Reports options that need a start without firmware. */
    private void checkForFirmware(@Nullable KernelImage image) {
        boolean bzImage = image != null && image.isBzImage();
        BootProtocol protocol = spec.boot().protocol();
        boolean pvh = protocol == BootProtocol.PVH && !bzImage;
        if (protocol != BootProtocol.AUTO && !pvh) {
            problems.add(
                    "bootProtocol: must be AUTO with firmware, which enters a bzImage in real mode and an ELF file by"
                            + " PVH, was "
                            + protocol);
        }
        if (spec.boot().unpacking() == Unpacking.HOST && bzImage) {
            problems.add("unpacking: must be GUEST or AUTO with firmware, was HOST: change it, or unpack the kernel by"
                    + " KernelImage.writeVmlinux");
        }
    }
}
