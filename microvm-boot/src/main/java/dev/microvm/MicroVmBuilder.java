package dev.microvm;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.stream.Collectors.joining;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.boot.BootException;
import dev.microvm.boot.BootLayout;
import dev.microvm.boot.BootModule;
import dev.microvm.boot.BootPlan;
import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.CommandLine;
import dev.microvm.boot.FirmwarePlan;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.Initrd;
import dev.microvm.boot.KernelImage;
import dev.microvm.boot.StartPlan;
import dev.microvm.boot.Unpacking;
import dev.microvm.boot.tables.MpTable;
import dev.microvm.bus.DeviceContext;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleChannel;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.cpuid.CpuidPolicy;
import dev.microvm.cpuid.GuestCpuid;
import dev.microvm.devices.firmware.FwCfg;
import dev.microvm.devices.firmware.FwCfgItem;
import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.balloon.Balloon;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.console.VirtioConsole;
import dev.microvm.devices.virtio.net.VirtioNet;
import dev.microvm.devices.virtio.rng.VirtioRng;
import dev.microvm.devices.virtio.vsock.VsockEnd;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.machine.DiskFactory;
import dev.microvm.machine.FirmwareOptions;
import dev.microvm.machine.FwCfgContents;
import dev.microvm.machine.HostFacts;
import dev.microvm.machine.MachineChoices;
import dev.microvm.machine.MachineOptions;
import dev.microvm.machine.MachinePlan;
import dev.microvm.machine.PcLayout;
import dev.microvm.machine.PlannedParts;
import dev.microvm.machine.SelectedHypervisor;
import dev.microvm.machine.VirtioSlot;
import dev.microvm.model.Feature;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.model.ResetAction;
import dev.microvm.model.TimedInput;
import java.io.OutputStream;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.random.RandomGenerator;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/**
 * The description of a {@link MicroVm}. Methods only record; {@link #build} checks it all, reports every problem at once
 * and opens nothing. For one thread; a builder can build several machines.
 */
public final class MicroVmBuilder {
    private static final int MIN_MEMORY_MIB = 2; // below is what boot needs; kernels want much more
    private static final int MAX_VCPUS = MpTable.MAX_CPUS;
    private static final Pattern NAME = Pattern.compile("[A-Za-z0-9._-]{1,40}");
    private static final Pattern PORT_NAME = Pattern.compile("[A-Za-z0-9._-]{1,64}");
    private static final Duration LATEST_TYPING = Duration.ofDays(1000);
    private static final AtomicInteger UNNAMED = new AtomicInteger();

    private @Nullable String name;
    private @Nullable HypervisorChoice hypervisor;
    private @Nullable Path kernel;
    private @Nullable Path initrd;
    private byte @Nullable [] initrdBytes;
    private final List<Supplier<BootModule>> modules = new ArrayList<>(); // opened when the machine is built
    private @Nullable String cmdline;
    private BootProtocol bootProtocol = BootProtocol.AUTO;
    private Unpacking unpacking = Unpacking.AUTO;
    private final FirmwareOptions firmware = new FirmwareOptions();
    private @Nullable Consumer<String> firmwareLog;
    private int memoryMiB = 128;
    private int vcpus = 1;
    private final MachineChoices parts = new MachineChoices();
    private ResetAction onReset = ResetAction.END;
    private final Map<String, Feature> cpuFeatures = new LinkedHashMap<>();
    private CpuidPolicy cpuidPolicy = CpuidPolicy.NONE;
    private GuestClock clock = GuestClock.HOST;
    private @Nullable InstantSource rtcClock;
    private final List<TimedInput> typed = new ArrayList<>();
    private ConsoleTarget serial = ConsoleTarget.buffer();
    private final List<VirtioChoice> virtio = new ArrayList<>();
    private boolean usesHostsRandomness;
    private int consoles;
    private final List<String> ports = new ArrayList<>();
    private int nets; // network devices among them
    private int vsocks;
    private long guestCid;
    private @Nullable Path vsockPath;
    private final List<VirtioBlkOptions> disks = new ArrayList<>();
    private int balloons;
    private VirtioBalloonOptions balloon = VirtioBalloonOptions.DEFAULT;
    private VirtioMmio.Version virtioVersion = VirtioMmio.Version.MODERN;
    private final List<MachinePlan.UserDevice> devices = new ArrayList<>();

    MicroVmBuilder() {}

    /** The machine's name, in its threads' names and in logs: 1 to 40 of letters, digits, {@code . _ -}. Default vm-N. */
    public MicroVmBuilder name(String value) {
        name = value;
        return this;
    }

    /**
     * What runs the vCPUs. Default what the system property {@code microvm.hypervisor} says ({@code auto}, {@code kvm},
     * {@code engine}), and {@link HypervisorChoice#AUTO} where it is not set.
     */
    public MicroVmBuilder hypervisor(HypervisorChoice value) {
        hypervisor = value;
        return this;
    }

    /**
     * The kernel to start: an ELF {@code vmlinux}, a {@code bzImage}, or one with a Multiboot header. Required without
     * {@link #firmware}.
     */
    public MicroVmBuilder kernel(Path file) {
        kernel = file;
        return this;
    }

    /** The initial file system, given to the kernel as it is. Default none. */
    public MicroVmBuilder initrd(Path file) {
        initrd = file;
        initrdBytes = null;
        return this;
    }

    /** The initial file system, given to the kernel as it is; the array is not copied. */
    public MicroVmBuilder initrd(byte[] image) {
        initrdBytes = image;
        initrd = null;
        return this;
    }

    /** The initial file system, built here. */
    public MicroVmBuilder initrd(Initramfs image) {
        return initrd(image.toBytes());
    }

    /**
     * One more module for a Multiboot kernel, behind those that are there. Default none.
     *
     * @param file given to the kernel as it is
     * @param moduleCmdline what the kernel can read about it, ASCII; may be empty
     */
    public MicroVmBuilder module(Path file, String moduleCmdline) {
        modules.add(() -> BootModule.open(file, moduleCmdline));
        return this;
    }

    /** The same with a module in memory; the array is not copied. */
    public MicroVmBuilder module(byte[] image, String moduleCmdline) {
        modules.add(() -> BootModule.of(image, moduleCmdline));
        return this;
    }

    /**
     * The kernel's command line, ASCII. Default {@code console=ttyS0 reboot=k panic=-1}: console on the serial port, if
     * there is one, and an end of the machine by reset.
     */
    public MicroVmBuilder cmdline(String value) {
        cmdline = value;
        return this;
    }

    /** How the kernel is entered. Default {@link BootProtocol#AUTO}: what its file offers. */
    public MicroVmBuilder bootProtocol(BootProtocol value) {
        bootProtocol = value;
        return this;
    }

    /** Who unpacks a bzImage. Default {@link Unpacking#AUTO}: the host, where it can. */
    public MicroVmBuilder unpacking(Unpacking value) {
        unpacking = value;
        return this;
    }

    /**
     * Starts the guest by firmware, as a PC does, instead of entering the kernel directly: a ROM image such as QEMU's
     * qboot.rom or SeaBIOS's bios-microvm.bin, of 4 KiB to 8 MiB. It finds {@link #kernel} by fw_cfg, in the form that its
     * file has; without a kernel it looks for one itself. Default none.
     */
    public MicroVmBuilder firmware(Path file) {
        firmware.file(file);
        return this;
    }

    /**
     * Whether firmware finds the {@linkplain #optionRom option ROMs}. AUTO, the default, is on, and needs none; ON needs one.
     */
    public MicroVmBuilder optionRoms(Feature value) {
        firmware.optionRoms(value);
        return this;
    }

    /**
     * Adds an option ROM for the firmware to run, which boots from the first that can: SeaBIOS needs QEMU's
     * linuxboot_dma.bin to start a bzImage, and pvh.bin to start an ELF file. qboot needs none.
     */
    public MicroVmBuilder optionRom(Path file) {
        firmware.optionRom(file);
        return this;
    }

    /**
     * Adds an item to fw_cfg, QEMU's way to tell a guest something: Linux has it in {@code
     * /sys/firmware/qemu_fw_cfg/by_name}. The array is not copied.
     *
     * @param itemName begins with {@code opt/}; up to 55 ASCII characters
     */
    public MicroVmBuilder fwCfg(String itemName, byte[] content) {
        firmware.item(itemName, () -> FwCfgItem.of(content));
        return this;
    }

    /** The same with the content of a file, which is read when the guest asks: leave it as it is while the machine runs. */
    public MicroVmBuilder fwCfg(String itemName, Path file) {
        firmware.item(itemName, () -> FwCfgItem.of(file));
        return this;
    }

    /**
     * Takes what firmware prints on its debug console, port 0x402, line by line; at most 200 characters each, 10,000 lines
     * for each run. Called on a vCPU's thread: must not block. By default lines go to the log at level DEBUG, if that is on.
     */
    public MicroVmBuilder firmwareLog(Consumer<String> lines) {
        firmwareLog = lines;
        return this;
    }

    /** Guest memory in MiB, from 2 to what the host has. Default 128. */
    public MicroVmBuilder memoryMiB(int mib) {
        memoryMiB = mib;
        return this;
    }

    /** How many vCPUs, 1 to 254. Default 1. */
    public MicroVmBuilder vcpus(int count) {
        vcpus = count;
        return this;
    }

    /**
     * Whether the guest is told of a feature of the CPU. ON needs a hypervisor that has it; OFF hides it; AUTO, the default,
     * shows it if the hypervisor has it. Other features that build on a hidden one are not hidden with it.
     *
     * @param feature by its name in Linux's {@code /proc/cpuinfo}: {@link CpuFeature}
     */
    public MicroVmBuilder cpuFeature(String feature, Feature value) {
        cpuFeatures.put(feature, value);
        return this;
    }

    /**
     * Sets what CPUID answers for a leaf, or sub-leaf, on each vCPU. In registers that hold features only what the
     * hypervisor has may be set; the APIC ID and the leaves of topology and XSAVE are the machine's. {@link MicroVm#cpuid}
     * shows the table.
     */
    public MicroVmBuilder cpuidLeaf(CpuidEntry leaf) {
        cpuidPolicy = cpuidPolicy.with(leaf);
        return this;
    }

    /** Where the interrupt controllers are. Default {@link Irqchip#SPLIT}. */
    public MicroVmBuilder irqchip(Irqchip value) {
        parts.irqchip = value;
        return this;
    }

    /** The 8259 interrupt controllers. OFF needs {@link Irqchip#SPLIT}. AUTO, the default, is on. */
    public MicroVmBuilder pic(Feature value) {
        parts.pic = value;
        return this;
    }

    /** The 8254 interval timer. AUTO, the default, is on. */
    public MicroVmBuilder pit(Feature value) {
        parts.pit = value;
        return this;
    }

    /** The MC146818 real-time clock. AUTO, the default, is on. */
    public MicroVmBuilder rtc(Feature value) {
        parts.rtc = value;
        return this;
    }

    /**
     * The time that the real-time clock shows, in UTC, until the guest sets it; QEMU's {@code -rtc base=}. For a clock
     * that runs from a moment of your own, {@link InstantSource#offset} that of the system; with one that stands, no
     * alarm comes. It is asked on the machine's threads. Default the host's.
     */
    public MicroVmBuilder rtcClock(InstantSource value) {
        rtcClock = value;
        return this;
    }

    /**
     * By what the guest's time passes. Default the host's clock. With {@link GuestClock#instructions}, which needs the
     * engine and is for one vCPU, runs with the same description are the same, instruction for instruction: nothing that
     * comes from outside may come at a time of the host's. So what is typed must be given by {@link #typeAt}; devices of
     * your own must do by their {@link DeviceContext#timers} what they do by themselves.
     */
    public MicroVmBuilder clock(GuestClock value) {
        clock = value;
        return this;
    }

    /**
     * Types text into the serial port, as UTF-8, when the guest has run for a time, by its own clock; at most 65,536 bytes
     * in all. After a reset it is typed again.
     *
     * @param sinceStart guest's time since the machine's start; 0 is before the first instruction
     */
    public MicroVmBuilder typeAt(Duration sinceStart, String text) {
        typed.add(new TimedInput(sinceStart, text));
        return this;
    }

    /** The 16550 serial port, which is the console. AUTO, the default, is on. */
    public MicroVmBuilder isaSerial(Feature value) {
        parts.isaSerial = value;
        return this;
    }

    /** ACPI tables. Without them a guest finds CPUs and IOAPIC by the MP table. AUTO, the default, is on. */
    public MicroVmBuilder acpi(Feature value) {
        parts.acpi = value;
        return this;
    }

    /**
     * Whether the kernel is told by its command line what it has no ACPI tables to read in, such as that there is no RTC.
     * AUTO, the default, is on without {@link #acpi}; with it there is nothing to add.
     */
    public MicroVmBuilder autoKernelCmdline(Feature value) {
        parts.autoKernelCmdline = value;
        return this;
    }

    /** What comes after a reset. Default {@link ResetAction#END}. */
    public MicroVmBuilder onReset(ResetAction value) {
        onReset = value;
        return this;
    }

    /** Where the console, which is the serial port if there is one, leads besides {@link MicroVm#console}. Default {@link ConsoleTarget#buffer}: nowhere else. */
    public MicroVmBuilder serial(ConsoleTarget value) {
        serial = value;
        return this;
    }

    /** {@link ConsoleTarget#output}: copies what the guest prints to {@code to} as well, which is not closed. */
    public MicroVmBuilder serial(OutputStream to) {
        return serial(ConsoleTarget.output(to));
    }

    /**
     * Plugs in a virtio entropy device: the guest gets random bytes from the host's {@link SecureRandom}, in Linux by
     * {@code /dev/hwrng}.
     */
    public MicroVmBuilder virtioRng() {
        usesHostsRandomness = true;
        return virtioRng(new SecureRandom());
    }

    /**
     * The same from another source.
     *
     * @param source is asked on the machine's I/O thread; one with a seed makes runs that can be repeated, and secrets of the
     *     guest's that anybody can guess
     */
    public MicroVmBuilder virtioRng(RandomGenerator source) {
        return virtioDevice("virtio-rng", transport -> new VirtioRng(transport, source));
    }

    /** A disk: {@code /dev/vda} in Linux for the first, as {@link #virtioBlk(VirtioBlkOptions)} with nothing else said. */
    public MicroVmBuilder virtioBlk(DiskImage image) {
        return virtioBlk(VirtioBlkOptions.of(image));
    }

    /**
     * Plugs in a disk. Its image is checked by {@link #build} as far as can be without opening it, and opened and locked each
     * time that the machine starts; {@code start} throws {@link dev.microvm.backend.disk.BlockException} if it cannot be.
     */
    public MicroVmBuilder virtioBlk(VirtioBlkOptions options) {
        disks.add(options);
        virtio.add(new VirtioChoice(
                "virtio-blk " + options, machine -> new DiskFactory(options, machine.name(), machine.clock())));
        return this;
    }

    /**
     * Plugs in a virtio console, Linux's {@code hvc0}, and serial ports with names, Linux's {@code /dev/virtio-ports/NAME}. It
     * is {@link MicroVm#console} where there is no {@link #isaSerial}, and the kernel's default console; in any case it is
     * {@link MicroVm#port} of {@code "hvc0"}, and each port that of its name. Once for a machine.
     *
     * @param portNames up to 31, of 1 to 64 letters, digits, {@code . _ -}
     */
    public MicroVmBuilder virtioConsole(String... portNames) {
        consoles++;
        ports.add(ConsoleChannel.CONSOLE);
        ports.addAll(List.of(portNames));
        virtio.add(new VirtioChoice("virtio-console", machine -> ConsoleChannel.console(machine.ports())));
        return this;
    }

    /**
     * Plugs in a virtio network device, with an address that is made of the machine's {@link #name} and so always the same
     * for the same name.
     *
     * @param network where its frames go, such as a {@link dev.microvm.backend.net.user.UserNetwork} or
     *     {@link dev.microvm.backend.net.TapBackend}; it is opened when the machine starts and closed when it ends, and serves
     *     one device at a time
     */
    public MicroVmBuilder virtioNet(NetBackend network) {
        int index = nets++;
        virtio.add(new VirtioChoice(
                "virtio-net",
                machine -> transport ->
                        new VirtioNet(transport, network, machine.name(), MacAddress.of(machine.name(), index))));
        return this;
    }

    /** The same with an Ethernet address of your own. */
    public MicroVmBuilder virtioNet(NetBackend network, MacAddress address) {
        nets++;
        virtio.add(new VirtioChoice(
                "virtio-net", machine -> transport -> new VirtioNet(transport, network, machine.name(), address)));
        return this;
    }

    /** A memory balloon as {@link #virtioBalloon(VirtioBalloonOptions)}, with {@link VirtioBalloonOptions#DEFAULT}. */
    public MicroVmBuilder virtioBalloon() {
        return virtioBalloon(VirtioBalloonOptions.DEFAULT);
    }

    /**
     * Plugs in a virtio memory balloon, by which the guest gives memory back to the host: what it has no use for by itself, and
     * as much as the host wants by {@link MicroVm#balloon}. Once for a machine.
     */
    public MicroVmBuilder virtioBalloon(VirtioBalloonOptions options) {
        balloons++;
        balloon = options;
        virtio.add(new VirtioChoice("virtio-balloon " + options, machine -> machine.balloon()::create));
        return this;
    }

    /**
     * Plugs in a virtio socket device: {@link MicroVm#vsock} connects to AF_VSOCK ports of the guest's and listens for it, who finds the
     * host at context ID 2. Once for a machine.
     *
     * @param cid the guest's context ID, 3 to 0xfffffffe; another machine may have the same
     */
    public MicroVmBuilder virtioVsock(long cid) {
        vsocks++;
        guestCid = cid;
        virtio.add(new VirtioChoice(
                "virtio-vsock CID " + cid,
                machine -> Objects.requireNonNull(machine.vsock()).device()));
        return this;
    }

    /**
     * The same, for other processes too, by Firecracker's convention: {@link
     * dev.microvm.devices.virtio.vsock.VsockUnixSockets}.
     *
     * @param path of a Unix socket, which is made when the machine starts and removed when it ends; with {@code _PORT} behind it, of
     *     those that the guest is connected to
     */
    public MicroVmBuilder virtioVsock(long cid, Path path) {
        vsockPath = path;
        return virtioVsock(cid);
    }

    /**
     * Plugs a virtio device of your own into the next slot, in the order of these calls. A machine has 8 slots; with ACPI and irqchip
     * SPLIT it has 24, and if more than 8 are used, a second IOAPIC for their interrupts.
     *
     * @param deviceName for {@link MicroVm#describe}
     * @param factory makes the device when the machine starts
     */
    public MicroVmBuilder virtioDevice(String deviceName, VirtioDeviceFactory factory) {
        virtio.add(new VirtioChoice(deviceName, machine -> factory));
        return this;
    }

    /** The version of all virtio devices: LEGACY for guests from before VIRTIO 1.0. Default MODERN. */
    public MicroVmBuilder virtioVersion(VirtioMmio.Version value) {
        virtioVersion = value;
        return this;
    }

    /**
     * Plugs in a device of your own at I/O ports.
     *
     * @param deviceName for {@link MicroVm#describe}
     * @param port first port; the range ends at 0xffff at the latest and overlaps no other device
     * @param size how many ports
     * @param factory makes the device when the machine starts
     */
    public MicroVmBuilder portDevice(String deviceName, int port, int size, DeviceFactory factory) {
        devices.add(new MachinePlan.UserDevice(deviceName, true, port, size, factory));
        return this;
    }

    /**
     * Plugs in a device of your own at memory addresses.
     *
     * @param deviceName for {@link MicroVm#describe}
     * @param gpa first guest-physical address, in [3 GiB, 4 GiB); with {@link #firmware} the last 8 MiB are its ROM's
     * @param size in bytes
     * @param factory makes the device when the machine starts
     */
    public MicroVmBuilder mmioDevice(String deviceName, long gpa, long size, DeviceFactory factory) {
        devices.add(new MachinePlan.UserDevice(deviceName, false, gpa, size, factory));
        return this;
    }

    /**
     * Checks the whole description and opens nothing.
     *
     * @throws MicroVmConfigException with every problem found
     */
    public MicroVm build() {
        return new MicroVm(plan(), serial);
    }

    /** The description, checked. */
    MachinePlan plan() {
        List<String> problems = new ArrayList<>();
        String vmName = name == null ? "vm-" + UNNAMED.incrementAndGet() : name;
        if (!NAME.matcher(vmName).matches()) {
            problems.add("name: 1 to 40 letters, digits, '.', '_' or '-', was \"" + vmName + "\"");
        }
        checkNumbers(problems);
        SelectedHypervisor selected = selectHypervisor(problems);
        MachineOptions options = parts.decide(offers(selected), problems);
        List<ConsoleChannel> guestPorts = guestPorts(problems);
        VsockEnd vsock = guestVsock(vmName, problems);
        Balloon hostsBalloon = new Balloon(balloon, memoryMiB);
        Surroundings surroundings = new Surroundings(vmName, clock, guestPorts, vsock, hostsBalloon);
        List<VirtioSlot> slots = virtioSlots(options, surroundings, problems);
        checkBalloon(problems);
        if (nets > 0) requireHostClock("virtioNet", "what a network brings", problems);
        disks.forEach(disk -> disk.problems().forEach(problem -> problems.add("virtioBlk: " + problem)));
        PlannedParts plannedParts = PlannedParts.of(options, slots, firmware.given(), devices);
        problems.addAll(plannedParts.problems());
        checkSerial(problems, options);
        checkClock(problems, offers(selected));
        boolean tscDeadline = offers(selected).contains(Capability.TSC_DEADLINE);
        List<CpuidEntry> supportedCpuid =
                selected == null ? List.of() : selected.hypervisor().supportedCpuid(clock);
        CpuidPolicy policy = cpuidPolicy(selected, supportedCpuid, tscDeadline, problems);
        KernelImage image = openKernel(problems);
        Initrd initialFiles = openInitrd(problems);
        List<BootModule> bootModules = openModules(problems);
        StartPlan plan = plan(image, initialFiles, bootModules, options, slots, plannedParts, problems);
        FwCfg.Builder fwCfg = FwCfgContents.ofMachine(options, vcpus, memorySize());
        firmware.fill(fwCfg, plan, problems);
        if (!problems.isEmpty() || selected == null || plan == null) throw new MicroVmConfigException(problems);
        return new MachinePlan(
                vmName,
                selected.hypervisor(),
                selected.why(),
                options,
                vcpus,
                memorySize(),
                image,
                plan,
                firmware.optionRoms(),
                fwCfg,
                firmwareLog,
                onReset,
                clock,
                rtcClock == null ? InstantSource.system() : rtcClock,
                policy,
                supportedCpuid,
                tscDeadline,
                typed,
                serial.toString(),
                slots,
                guestPorts,
                vsock,
                balloons == 0 ? null : hostsBalloon,
                devices);
    }

    /** Where the console leads. */
    ConsoleTarget target() {
        return serial;
    }

    /** {@link #build} and {@link MicroVm#start} in one. */
    public MicroVm start() {
        return build().start();
    }

    private void checkNumbers(List<String> problems) {
        long hostMiB = HostFacts.memoryMiB();
        if (memoryMiB < MIN_MEMORY_MIB || memoryMiB > hostMiB) {
            problems.add(
                    "memoryMiB: %d to %d (the host's memory), was %d".formatted(MIN_MEMORY_MIB, hostMiB, memoryMiB));
        }
        if (vcpus < 1 || vcpus > MAX_VCPUS) problems.add("vcpus: 1 to %d, was %d".formatted(MAX_VCPUS, vcpus));
    }

    private void checkSerial(List<String> problems, MachineOptions options) {
        String problem = serial.problem();
        if (problem != null) problems.add("serial: " + problem);
        if (serial != ConsoleTarget.buffer() && !options.isaSerial().present() && ports.isEmpty()) {
            problems.add("serial: %s needs isaSerial(ON) or virtioConsole()".formatted(serial));
        }
    }

    /** All that is to be changed of CPUID's tables, checked against what there is. */
    private CpuidPolicy cpuidPolicy(
            @Nullable SelectedHypervisor selected,
            List<CpuidEntry> supported,
            boolean tscDeadline,
            List<String> problems) {
        CpuidPolicy policy = cpuidPolicy;
        for (Map.Entry<String, Feature> choice : cpuFeatures.entrySet()) {
            Optional<CpuFeature> feature = CpuFeature.named(choice.getKey());
            if (feature.isEmpty()) {
                problems.add(
                        "cpuFeature: \"%s\" is none that is known: give a name of /proc/cpuinfo's flags, such as avx2"
                                .formatted(choice.getKey()));
            } else if (choice.getValue() != Feature.AUTO) {
                policy = policy.with(feature.get(), choice.getValue() == Feature.ON);
            }
        }
        if (selected == null) return policy;
        List<CpuidEntry> offered = GuestCpuid.forVcpu(supported, 0, Math.clamp(vcpus, 1, MAX_VCPUS), tscDeadline);
        problems.addAll(policy.problems(offered, selected.hypervisor().name()));
        return policy;
    }

    private void checkClock(List<String> problems, Set<Capability> offered) {
        for (TimedInput input : typed) {
            if (input.at().isNegative() || input.at().compareTo(LATEST_TYPING) > 0) {
                problems.add("typeAt: a time of 0 to %d days, was %s".formatted(LATEST_TYPING.toDays(), input.at()));
            }
        }
        int size = typed.stream()
                .mapToInt(input -> input.text().getBytes(UTF_8).length)
                .sum();
        if (size > Uart16550.INPUT_CAPACITY) {
            problems.add("typeAt: at most %d bytes in all, was %d".formatted(Uart16550.INPUT_CAPACITY, size));
        }
        if (clock instanceof GuestClock.Host) return;
        String option = "clock: " + clock;
        if (!offered.contains(Capability.INSTRUCTION_CLOCK)) {
            problems.add(option + " needs hypervisor(ENGINE) and irqchip(SPLIT): nothing else counts instructions");
        }
        if (usesHostsRandomness) {
            problems.add(
                    option + ": virtioRng() gives other bytes in each run: use virtioRng(new SplittableRandom(seed))");
        }
        if (vcpus > 1) problems.add(option + " is for 1 vCPU, was %d: leave vcpus at 1".formatted(vcpus));
        if (serial.hasInput()) {
            problems.add(option
                    + ": serial %s would type at times of the host's: use serial(OutputStream) and typeAt"
                            .formatted(serial));
        }
        if (rtcClock != null) {
            problems.add(
                    "rtcClock: not with clock(%s), whose time it shows: use GuestClock.instructions(...).startingAt"
                            .formatted(clock));
        }
    }

    /** The ports of the virtio console, for one machine; none if there is none. */
    private List<ConsoleChannel> guestPorts(List<String> problems) {
        if (consoles > 1) problems.add("virtioConsole: one for a machine, was called %d times".formatted(consoles));
        if (ports.size() > VirtioConsole.MOST_PORTS) {
            problems.add("virtioConsole: up to %d ports beside the console, were %d"
                    .formatted(VirtioConsole.MOST_PORTS - 1, ports.size() - 1));
        }
        if (!ports.isEmpty()) requireHostClock("virtioConsole", "what the host does there", problems);
        List<ConsoleChannel> made = new ArrayList<>();
        for (String each : ports) {
            if (!PORT_NAME.matcher(each).matches()) {
                problems.add("virtioConsole: a port's name has 1 to 64 letters, digits, '.', '_' or '-', was \"%s\""
                        .formatted(each));
            } else if (consoles == 1
                    && made.stream().anyMatch(port -> port.name().equals(each))) {
                problems.add("virtioConsole: there is a port \"%s\" already".formatted(each));
            }
            made.add(ConsoleChannel.named(each));
        }
        return made;
    }

    /** The host's end of the virtio socket device, for one machine; null if there is none. */
    private @Nullable VsockEnd guestVsock(String machine, List<String> problems) {
        if (vsocks == 0) return null;
        if (vsocks > 1) problems.add("virtioVsock: one for a machine, was called %d times".formatted(vsocks));
        VsockEnd.check(guestCid, vsockPath, problems);
        requireHostClock("virtioVsock", "what the host does there", problems);
        return VsockEnd.of(guestCid, vsockPath, machine);
    }

    private void checkBalloon(List<String> problems) {
        if (balloons == 0) return;
        if (balloons > 1) problems.add("virtioBalloon: one for a machine, was called %d times".formatted(balloons));
        requireHostClock("virtioBalloon", "what the host asks for", problems);
        balloon.problems(memoryMiB).forEach(problem -> problems.add("virtioBalloon: " + problem));
    }

    /** Refuses an option whose device would make a run by the instruction clock one that cannot be repeated. */
    private void requireHostClock(String option, String what, List<String> problems) {
        if (clock instanceof GuestClock.Host) return;
        problems.add("%s: not with clock(%s): %s comes at times of its own".formatted(option, clock, what));
    }

    /** Where the virtio devices are. */
    private List<VirtioSlot> virtioSlots(MachineOptions options, Surroundings surroundings, List<String> problems) {
        boolean acpi = options.acpi().present();
        boolean second = acpi && options.irqchip() == Irqchip.SPLIT;
        int most = second ? PcLayout.MOST_VIRTIO_SLOTS : PcLayout.VIRTIO_SLOTS;
        int devices = Math.min(virtio.size(), most);
        if (virtio.size() > most) {
            problems.add("virtioDevice: a machine has %d slots for virtio devices%s, and these are %d: %s"
                    .formatted(
                            most,
                            second
                                    ? ""
                                    : " (%d with acpi(ON) and irqchip(SPLIT))".formatted(PcLayout.MOST_VIRTIO_SLOTS),
                            virtio.size(),
                            virtio.stream().map(VirtioChoice::name).collect(joining(", "))));
        }
        List<VirtioSlot> slots = new ArrayList<>();
        for (int number = 0; number < devices; number++) {
            VirtioChoice choice = virtio.get(number);
            slots.add(new VirtioSlot(
                    number,
                    choice.name(),
                    virtioVersion,
                    PcLayout.virtioBase(number),
                    PcLayout.virtioGsi(number, devices, acpi),
                    choice.factoryFor().apply(surroundings)));
        }
        return slots;
    }

    private @Nullable SelectedHypervisor selectHypervisor(List<String> problems) {
        try {
            HypervisorChoice choice = hypervisor == null ? HypervisorChoice.ofProperty() : hypervisor;
            return SelectedHypervisor.select(choice, Hypervisor.installed());
        } catch (HypervisorException e) {
            problems.add("hypervisor: " + e.getMessage());
            return null;
        }
    }

    /** What the hypervisor can do for such a machine; everything if there is none, which is a problem by itself. */
    private Set<Capability> offers(@Nullable SelectedHypervisor selected) {
        return selected == null
                ? EnumSet.allOf(Capability.class)
                : selected.hypervisor().capabilities(parts.irqchip.mode());
    }

    private @Nullable KernelImage openKernel(List<String> problems) {
        if (kernel == null && firmware.given()) return null;
        if (kernel == null) {
            problems.add("kernel: required; give the path of a vmlinux or bzImage");
            return null;
        }
        try {
            return KernelImage.open(kernel);
        } catch (BootException e) {
            problems.add("kernel: " + e.getMessage());
            return null;
        }
    }

    private @Nullable Initrd openInitrd(List<String> problems) {
        try {
            if (initrdBytes != null) return Initrd.of(initrdBytes);
            return initrd == null ? null : Initrd.open(initrd);
        } catch (BootException e) {
            problems.add("initrd: " + e.getMessage());
            return null;
        }
    }

    private List<BootModule> openModules(List<String> problems) {
        List<BootModule> opened = new ArrayList<>();
        for (int i = 0; i < modules.size(); i++) {
            try {
                opened.add(modules.get(i).get());
            } catch (BootException e) {
                problems.add("module %d: %s".formatted(i + 1, e.getMessage()));
            }
        }
        return opened;
    }

    private @Nullable StartPlan plan(
            @Nullable KernelImage image,
            @Nullable Initrd initialFiles,
            List<BootModule> bootModules,
            MachineOptions options,
            List<VirtioSlot> slots,
            PlannedParts plannedParts,
            List<String> problems) {
        if (firmware.given() && !bootModules.isEmpty()) {
            problems.add("module: a Multiboot kernel gets them, and firmware starts none: leave one of the two out");
        }
        if (firmware.given()) return firmwarePlan(image, initialFiles, options, slots, plannedParts, problems);
        firmware.checkWithout(problems);
        if (image == null || memoryMiB < MIN_MEMORY_MIB) return null;
        int cpus = Math.clamp(vcpus, 1, MAX_VCPUS);
        try {
            BootPlan.Builder plan = BootPlan.builder(image, BootLayout.memoryMap(memorySize()))
                    .protocol(bootProtocol)
                    .unpacking(unpacking)
                    .cmdline(commandLine(options, slots))
                    .mpTable(new MpTable(cpus, options.timerPin()));
            if (options.acpi().present()) plan.acpi(plannedParts.acpi(cpus));
            if (initialFiles != null) plan.initrd(initialFiles);
            bootModules.forEach(plan::module);
            return plan.build();
        } catch (BootException e) {
            problems.add(String.valueOf(e.getMessage()));
            return null;
        }
    }

    private @Nullable FirmwarePlan firmwarePlan(
            @Nullable KernelImage image,
            @Nullable Initrd initialFiles,
            MachineOptions options,
            List<VirtioSlot> slots,
            PlannedParts plannedParts,
            List<String> problems) {
        checkForFirmware(image, problems);
        FirmwarePlan.Builder plan = firmware.begin(memorySize(), problems);
        if (plan == null) return null;
        try {
            if (options.acpi().present()) plan.acpi(plannedParts.acpi(Math.clamp(vcpus, 1, MAX_VCPUS)));
            if (image != null) plan.kernel(image, commandLine(options, slots), initialFiles);
            return plan.build();
        } catch (BootException e) {
            problems.add(String.valueOf(e.getMessage()));
            return null;
        }
    }

    private CommandLine commandLine(MachineOptions options, List<VirtioSlot> slots) {
        return CommandLine.of(cmdline == null ? options.defaultCmdline(!ports.isEmpty()) : cmdline)
                .with(options.kernelParameters(slots));
    }

    /** Reports what only a direct start can do. */
    private void checkForFirmware(@Nullable KernelImage image, List<String> problems) {
        boolean bzImage = image != null && image.isBzImage();
        boolean pvh = bootProtocol == BootProtocol.PVH && !bzImage;
        if (bootProtocol != BootProtocol.AUTO && !pvh) {
            problems.add(
                    "bootProtocol: AUTO with firmware, which starts a bzImage in real mode and an ELF file by PVH, was "
                            + bootProtocol);
        }
        if (unpacking == Unpacking.HOST && bzImage) {
            problems.add(
                    "unpacking: GUEST or AUTO with firmware, was HOST; or give what KernelImage.writeVmlinux writes");
        }
        if (kernel == null && (initrd != null || initrdBytes != null)) {
            problems.add("initrd: needs kernel(...), for which it is");
        }
    }

    /** A virtio device that the user wants. */
    private record VirtioChoice(String name, Function<Surroundings, VirtioDeviceFactory> factoryFor) {}

    /** What a virtio device may want to know of its machine before it is made. */
    private record Surroundings(
            String name,
            GuestClock clock,
            List<ConsoleChannel> ports,
            @Nullable VsockEnd vsock,
            Balloon balloon) {}

    /** In bytes; at least what a machine must have, so that the rest can be checked. */
    private long memorySize() {
        return (long) Math.max(memoryMiB, MIN_MEMORY_MIB) << 20;
    }
}
