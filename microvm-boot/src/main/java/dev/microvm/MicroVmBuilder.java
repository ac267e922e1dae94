package dev.microvm;

import dev.microvm.backend.disk.DiskImage;
import dev.microvm.backend.net.MacAddress;
import dev.microvm.backend.net.NetBackend;
import dev.microvm.boot.BootProtocol;
import dev.microvm.boot.Initramfs;
import dev.microvm.boot.Unpacking;
import dev.microvm.bus.DeviceContext;
import dev.microvm.bus.DeviceFactory;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleOpener;
import dev.microvm.cpuid.CpuFeature;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.balloon.VirtioBalloonOptions;
import dev.microvm.devices.virtio.blk.VirtioBlkOptions;
import dev.microvm.devices.virtio.fs.VirtioFsOptions;
import dev.microvm.devices.virtio.net.VirtioNetOptions;
import dev.microvm.devices.virtio.vsock.VirtioVsockOptions;
import dev.microvm.limits.RateLimit;
import dev.microvm.machine.CodeByPlace;
import dev.microvm.machine.HostExtras;
import dev.microvm.machine.MachinePlan;
import dev.microvm.machine.MachinePlanner;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.BootSpec;
import dev.microvm.model.BootSpec.ModuleSpec;
import dev.microvm.model.BusDeviceSpec;
import dev.microvm.model.ClockSpec;
import dev.microvm.model.Content;
import dev.microvm.model.CpuSpec;
import dev.microvm.model.DevicesSpec;
import dev.microvm.model.ExitTrace;
import dev.microvm.model.Feature;
import dev.microvm.model.FirmwareSpec;
import dev.microvm.model.HaltAction;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.NetSpec;
import dev.microvm.model.OptionsSpec;
import dev.microvm.model.ResetAction;
import dev.microvm.model.RestartLimit;
import dev.microvm.model.TimedInput;
import dev.microvm.model.VirtioDeviceSpec;
import java.io.OutputStream;
import java.nio.file.Path;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.Objects;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * Describes a {@link MicroVm}. {@link #build} checks everything, reports all problems at once and
 * opens nothing. For one thread; a builder can build several machines.
 */
public final class MicroVmBuilder {
    private MachineSpec spec;

    // The code beside the description: see HostExtras.
    private @Nullable ConsoleOpener console;
    private @Nullable Consumer<String> firmwareLog;
    private @Nullable ExitTrace exitTrace;
    private @Nullable InstantSource rtcClock;
    private final CodeByPlace<VirtioDeviceFactory> makers = new CodeByPlace<>();
    private final CodeByPlace<NetBackend> networks = new CodeByPlace<>();
    private final CodeByPlace<RandomGenerator> random = new CodeByPlace<>();
    private final CodeByPlace<DeviceFactory> own = new CodeByPlace<>();

    MicroVmBuilder(MachineSpec spec) {
        Objects.requireNonNull(spec, "spec");
        this.spec = spec;
    }

    /** Names machine and threads: 1 to 40 letters, digits, {@code . _ -}. Default vm-N. */
    public MicroVmBuilder name(String value) {
        return with(spec.withName(value));
    }

    /** Sets what runs the vCPUs. Default {@link HypervisorChoice#ofProperty}. */
    public MicroVmBuilder hypervisor(HypervisorChoice value) {
        return with(spec.withHypervisor(value));
    }

    /** Sets the kernel: vmlinux, bzImage or Multiboot. Required without {@link #firmware}. */
    public MicroVmBuilder kernel(Path file) {
        return boot(spec.boot().withKernel(file));
    }

    /** Passes an initial file system to the kernel, unchanged. Default none. */
    public MicroVmBuilder initrd(Path file) {
        return boot(spec.boot().withInitrd(Content.of(file)));
    }

    /** The same with an image in memory; the array is not copied. */
    public MicroVmBuilder initrd(byte[] image) {
        return boot(spec.boot().withInitrd(Content.of(image)));
    }

    /** The same with an image that is built here. */
    public MicroVmBuilder initrd(Initramfs image) {
        Objects.requireNonNull(image, "image");
        return initrd(image.toBytes());
    }

    /** Adds a module for a Multiboot kernel; its command line is ASCII and may be empty. */
    public MicroVmBuilder module(Path file, String moduleCmdline) {
        return boot(spec.boot().withModule(new ModuleSpec(Content.of(file), moduleCmdline)));
    }

    /** The same with a module in memory; the array is not copied. */
    public MicroVmBuilder module(byte[] image, String moduleCmdline) {
        return boot(spec.boot().withModule(new ModuleSpec(Content.of(image), moduleCmdline)));
    }

    /**
     * Sets the kernel's command line, ASCII. Default {@code console=ttyS0 reboot=k panic=-1}, with
     * {@code hvc0} for {@code ttyS0} if a virtio console replaces the serial port.
     */
    public MicroVmBuilder cmdline(String value) {
        return boot(spec.boot().withCmdline(value));
    }

    /** Sets how the kernel is entered. Default {@link BootProtocol#AUTO}: as its file offers. */
    public MicroVmBuilder bootProtocol(BootProtocol value) {
        return boot(spec.boot().withProtocol(value));
    }

    /** Sets who unpacks a bzImage. Default {@link Unpacking#AUTO}: the host if it can. */
    public MicroVmBuilder unpacking(Unpacking value) {
        return boot(spec.boot().withUnpacking(value));
    }

    /**
     * Starts the guest by a firmware ROM of 4 KiB to 8 MiB, such as QEMU's qboot.rom or SeaBIOS's
     * bios-microvm.bin. It finds {@link #kernel} by fw_cfg, or looks for one itself. Default none.
     */
    public MicroVmBuilder firmware(Path file) {
        return firmware(firmware().withFile(file));
    }

    /** Shows {@link #optionRom option ROMs} to firmware. AUTO, the default, is on; ON needs one. */
    public MicroVmBuilder optionRoms(Feature value) {
        return firmware(firmware().withOptionRoms(value));
    }

    /** Adds an option ROM: SeaBIOS boots a bzImage by linuxboot_dma.bin, an ELF file by pvh.bin. */
    public MicroVmBuilder optionRom(Path file) {
        return firmware(firmware().withOptionRom(file));
    }

    /**
     * Adds an item to fw_cfg; Linux shows it in {@code /sys/firmware/qemu_fw_cfg/by_name}. Its name
     * begins with {@code opt/} and has 5 to 55 ASCII characters. The array is not copied.
     */
    public MicroVmBuilder fwCfg(String itemName, byte[] content) {
        return firmware(firmware().withItem(new FirmwareSpec.Item(itemName, Content.of(content))));
    }

    /** The same with a file, read when the guest asks: leave it unchanged until the end. */
    public MicroVmBuilder fwCfg(String itemName, Path file) {
        return firmware(firmware().withItem(new FirmwareSpec.Item(itemName, Content.of(file))));
    }

    /**
     * Receives firmware's debug output, port 0x402, on a vCPU's thread: must not block. Lines have
     * up to 200 characters, a run up to 10,000 lines. Default: the log, at level DEBUG.
     */
    public MicroVmBuilder firmwareLog(Consumer<String> lines) {
        Objects.requireNonNull(lines, "lines");
        firmwareLog = lines;
        return this;
    }

    /**
     * Tells of each access of the guest to a device, which is an exit from the guest: for lessons and
     * for debugging, because it slows every one.
     */
    public MicroVmBuilder exitTrace(ExitTrace trace) {
        Objects.requireNonNull(trace, "trace");
        exitTrace = trace;
        return this;
    }

    /** Sets the size of guest memory in MiB, from 2 to the host's memory. Default 128. */
    public MicroVmBuilder memoryMiB(int mib) {
        return with(spec.withMemory(spec.memory().withMib(mib)));
    }

    /** Sets the host memory behind guest memory. Default {@link RamBacking#anonymous}. */
    public MicroVmBuilder ram(RamBacking value) {
        return with(spec.withMemory(spec.memory().withBacking(value)));
    }

    /** Sets the number of vCPUs, 1 to 254. Default 1. */
    public MicroVmBuilder vcpus(int count) {
        return cpus(spec.cpus().withVcpus(count));
    }

    /**
     * Whether the guest sees two threads a core (simultaneous multithreading): vCPUs 0 and 1 are the
     * threads of the first. ON needs an even number of vCPUs, or one. AUTO, the default, is OFF.
     */
    public MicroVmBuilder smt(Feature value) {
        return cpus(spec.cpus().withSmt(value));
    }

    /**
     * Limits each vCPU to a share of a host CPU, in percent, 1 to 100. Default 100, no limit. {@link
     * MicroVm#cpuShare(int)} changes it while the guest runs.
     */
    public MicroVmBuilder cpuShare(int percent) {
        return cpus(spec.cpus().withShare(percent));
    }

    /**
     * Sets the frequency of the time-stamp counters, in kHz. Default the hypervisor's: 1,000,000 on
     * the engine, on KVM the host's. The engine takes any from 100,000 to 10,000,000; KVM takes
     * another than the host's if the processor scales it. A guest that is to continue from a
     * snapshot on another hypervisor or host needs a frequency that both have.
     */
    public MicroVmBuilder tscKhz(int khz) {
        return cpus(spec.cpus().withTscKhz(khz));
    }

    /**
     * Shows or hides a feature, by its name in {@link CpuFeature}. ON needs a hypervisor that has
     * it; OFF does not hide features that build on it; AUTO, the default, shows what the hypervisor
     * has.
     */
    public MicroVmBuilder cpuFeature(String feature, Feature value) {
        return cpus(spec.cpus().withFeature(feature, value));
    }

    /**
     * Replaces a CPUID leaf or subleaf on each vCPU, with features that the hypervisor has. The
     * machine itself fills in the APIC ID and the leaves of topology and XSAVE.
     */
    public MicroVmBuilder cpuidLeaf(CpuidEntry leaf) {
        return cpus(spec.cpus().withLeaf(leaf));
    }

    /** Sets where the interrupt controllers are. Default {@link Irqchip#SPLIT}. */
    public MicroVmBuilder irqchip(Irqchip value) {
        return options(spec.options().withIrqchip(value));
    }

    /** The 8259 interrupt controllers. AUTO, the default, is on; OFF needs irqchip SPLIT. */
    public MicroVmBuilder pic(Feature value) {
        return options(spec.options().withPic(value));
    }

    /** The 8254 interval timer. AUTO, the default, is on. */
    public MicroVmBuilder pit(Feature value) {
        return options(spec.options().withPit(value));
    }

    /** The MC146818 real-time clock. AUTO, the default, is on. */
    public MicroVmBuilder rtc(Feature value) {
        return options(spec.options().withRtc(value));
    }

    /**
     * Sets the source of the real-time clock's UTC time, called on threads of the machine. A fixed
     * one never reaches an alarm: use {@link InstantSource#offset}. Default: the host's time.
     */
    public MicroVmBuilder rtcClock(InstantSource value) {
        Objects.requireNonNull(value, "rtcClock");
        rtcClock = value;
        return clock(spec.clock().withOwnRtcClock());
    }

    /**
     * Sets what drives guest time. Default: the host's clock. {@link GuestClock#instructions} needs
     * the engine and one vCPU. It makes runs equal, instruction for instruction, if input comes by
     * {@link #typeAt} and own devices act by {@link DeviceContext#timers} only.
     */
    public MicroVmBuilder clock(GuestClock value) {
        return clock(spec.clock().withClock(value));
    }

    /**
     * Types text into the serial port, as UTF-8, at most 65,536 bytes in all; again after a
     * restart. The guest time is 0 to 1000 days since the start; 0 is before the first instruction.
     */
    public MicroVmBuilder typeAt(Duration sinceStart, String text) {
        return clock(spec.clock().withTyped(new TimedInput(sinceStart, text)));
    }

    /** The 16550 serial port, which is the console. AUTO, the default, is on. */
    public MicroVmBuilder isaSerial(Feature value) {
        return options(spec.options().withIsaSerial(value));
    }

    /** ACPI tables; without them CPUs are found by the MP table. AUTO, the default, is on. */
    public MicroVmBuilder acpi(Feature value) {
        return options(spec.options().withAcpi(value));
    }

    /** Tells by command line what ACPI tables would. AUTO, the default, is on without ACPI. */
    public MicroVmBuilder autoKernelCmdline(Feature value) {
        return options(spec.options().withAutoKernelCmdline(value));
    }

    /**
     * Sets what follows a reset. Default {@link ResetAction#END}. For RESTART see also {@link
     * #restartLimit}.
     */
    public MicroVmBuilder onReset(ResetAction value) {
        return options(spec.options().withOnReset(value));
    }

    /**
     * Sets how often resets may start the machine again within a time; the next one ends it. Default
     * {@link RestartLimit#DEFAULT}: 60 within a minute.
     *
     * @param most 0 to 100,000
     * @param within up to a day
     */
    public MicroVmBuilder restartLimit(int most, Duration within) {
        return options(spec.options().withRestartLimit(new RestartLimit(most, within)));
    }

    /**
     * Sets what follows when all vCPUs halt with interrupts off, so that nothing can wake the guest.
     * Default {@link HaltAction#END}.
     */
    public MicroVmBuilder onHalt(HaltAction value) {
        return options(spec.options().withOnHalt(value));
    }

    /** Connects the console to the host. Default {@link ConsoleTarget#buffer}: kept in memory. */
    public MicroVmBuilder serial(ConsoleTarget value) {
        Objects.requireNonNull(value, "serial");
        console = value.code();
        return with(spec.withConsole(value.spec()));
    }

    /** Copies what the guest prints to {@code to}: see {@link ConsoleTarget#output}. */
    public MicroVmBuilder serial(OutputStream to) {
        return serial(ConsoleTarget.output(to));
    }

    /** Adds an entropy device, Linux's {@code /dev/hwrng}, with the host's randomness. */
    public MicroVmBuilder virtioRng() {
        return virtio(new VirtioDeviceSpec.Rng(true));
    }

    /** The same with a limit on bytes and requests; what is over it waits. */
    public MicroVmBuilder virtioRng(RateLimit limit) {
        return virtio(new VirtioDeviceSpec.Rng(true, Objects.requireNonNull(limit, "limit")));
    }

    /** The same with a source called on the I/O thread; a seeded one makes secrets guessable. */
    public MicroVmBuilder virtioRng(RandomGenerator source) {
        Objects.requireNonNull(source, "source");
        return virtio(new VirtioDeviceSpec.Rng(false), random, source);
    }

    /** Adds a disk with the defaults of {@link VirtioBlkOptions#of}. */
    public MicroVmBuilder virtioBlk(DiskImage image) {
        return virtioBlk(VirtioBlkOptions.of(image));
    }

    /**
     * Adds a disk; the first is {@code /dev/vda} in Linux. Each start opens and locks its image, or
     * throws {@link dev.microvm.backend.disk.BlockException}.
     */
    public MicroVmBuilder virtioBlk(VirtioBlkOptions options) {
        return virtio(new VirtioDeviceSpec.Blk(options));
    }

    /**
     * Adds the virtio console, {@code hvc0}, and up to 31 ports, {@code /dev/virtio-ports/NAME},
     * with names of 1 to 64 letters, digits, {@code . _ -}. It is the console without {@link
     * #isaSerial}.
     */
    public MicroVmBuilder virtioConsole(String... portNames) {
        Objects.requireNonNull(portNames, "portNames");
        for (String each : portNames) Objects.requireNonNull(each, "portNames");
        return virtio(new VirtioDeviceSpec.Console(List.of(portNames)));
    }

    /**
     * Adds a network device with an Ethernet address derived from {@link #name}. Its back end opens
     * when the machine starts, closes when it ends, and serves one device at a time.
     */
    public MicroVmBuilder virtioNet(NetBackend network) {
        Objects.requireNonNull(network, "network");
        return virtioNet(network, VirtioNetOptions.DEFAULT);
    }

    /** The same with the given Ethernet address. */
    public MicroVmBuilder virtioNet(NetBackend network, MacAddress address) {
        Objects.requireNonNull(network, "network");
        Objects.requireNonNull(address, "address");
        return virtioNet(network, VirtioNetOptions.DEFAULT.address(address));
    }

    /**
     * The same with options, such as limits on what the guest sends and receives, which
     * {@link MicroVm#network} changes while it runs.
     */
    public MicroVmBuilder virtioNet(NetBackend network, VirtioNetOptions options) {
        return virtio(new VirtioDeviceSpec.Net(NetSpec.of(network), options), networks, network);
    }

    /**
     * Shares a directory of the host with the guest, which mounts it by its tag: {@code mount -t
     * virtiofs TAG /mnt}. A guest that has it mounted can be neither saved nor forked.
     */
    public MicroVmBuilder virtioFs(VirtioFsOptions options) {
        return virtio(new VirtioDeviceSpec.Fs(options));
    }

    /** Adds a memory balloon with {@link VirtioBalloonOptions#DEFAULT}. */
    public MicroVmBuilder virtioBalloon() {
        return virtioBalloon(VirtioBalloonOptions.DEFAULT);
    }

    /** Adds the memory balloon, by which the guest returns memory. At most one per machine. */
    public MicroVmBuilder virtioBalloon(VirtioBalloonOptions options) {
        return virtio(new VirtioDeviceSpec.Balloon(options));
    }

    /**
     * Adds the socket device, at most one per machine: {@link MicroVm#vsock}. The guest's context
     * ID is {@code cid}, 3 to 0xfffffffe, which machines may share; the host's is 2.
     */
    public MicroVmBuilder virtioVsock(long cid) {
        return virtioVsock(new VirtioVsockOptions(cid, null));
    }

    /**
     * The same, also for other processes, by Unix sockets at {@code path} while the machine runs:
     * {@link dev.microvm.devices.virtio.vsock.VsockUnixSockets}.
     */
    public MicroVmBuilder virtioVsock(long cid, Path path) {
        Objects.requireNonNull(path, "path");
        return virtioVsock(new VirtioVsockOptions(cid, path));
    }

    /** The same with options, such as the time that {@code CONNECT} waits for the guest. */
    public MicroVmBuilder virtioVsock(VirtioVsockOptions options) {
        return virtio(new VirtioDeviceSpec.Vsock(options));
    }

    /**
     * Adds a virtio device of your own, made for each run, in the next slot. A machine has 8 slots,
     * or 24 with ACPI and irqchip SPLIT. {@link MicroVm#describe} shows the name.
     */
    public MicroVmBuilder virtioDevice(String deviceName, VirtioDeviceFactory factory) {
        Objects.requireNonNull(factory, "factory");
        return virtio(new VirtioDeviceSpec.Own(deviceName), makers, factory);
    }

    /** Sets the version of all virtio devices: LEGACY is older than VIRTIO 1.0. Default MODERN. */
    public MicroVmBuilder virtioVersion(VirtioMmio.Version value) {
        return devices(spec.devices().withVirtioVersion(value));
    }

    /**
     * Adds a device of your own, made at each start, at the I/O ports {@code [port, port + size)},
     * below 0x10000 and apart from other devices. {@link MicroVm#describe} shows the name, of 1 to
     * 64 printable characters.
     */
    public MicroVmBuilder portDevice(String deviceName, int port, int size, DeviceFactory factory) {
        return own(new BusDeviceSpec(deviceName, true, port, size), factory);
    }

    /**
     * The same at guest-physical addresses, {@code [gpa, gpa + size)} in bytes, from 3 to 4 GiB;
     * with {@link #firmware} the last 8 MiB belong to its ROM.
     */
    public MicroVmBuilder mmioDevice(String deviceName, long gpa, long size, DeviceFactory factory) {
        return own(new BusDeviceSpec(deviceName, false, gpa, size), factory);
    }

    /** Returns the description so far, as data. */
    public MachineSpec spec() {
        return spec;
    }

    /** Returns all problems that {@link #build} would report; empty if there are none. */
    public List<String> problems() {
        MachinePlanner planner = planner();
        planner.plan();
        return planner.problems();
    }

    /**
     * Checks the whole description and opens nothing.
     *
     * @throws MicroVmConfigException with every problem found
     */
    public MicroVm build() {
        return new MicroVm(plan());
    }

    /** Same as {@link #build} and then {@link MicroVm#start}. */
    public MicroVm start() {
        return build().start();
    }

    /** Decides the machine. */
    MachinePlan plan() {
        MachinePlanner planner = planner();
        MachinePlan plan = planner.plan();
        if (plan == null) throw new MicroVmConfigException(planner.problems());
        return plan;
    }

    private MachinePlanner planner() {
        return new MachinePlanner(spec, extras());
    }

    /** Returns the code so far. */
    HostExtras extras() {
        return new HostExtras(
                console, firmwareLog, exitTrace, rtcClock, makers.map(), networks.map(), random.map(), own.map());
    }

    private MicroVmBuilder with(MachineSpec changed) {
        spec = changed;
        return this;
    }

    private MicroVmBuilder boot(BootSpec changed) {
        return with(spec.withBoot(changed));
    }

    private FirmwareSpec firmware() {
        return spec.boot().firmware();
    }

    private MicroVmBuilder firmware(FirmwareSpec changed) {
        return boot(spec.boot().withFirmware(changed));
    }

    private MicroVmBuilder cpus(CpuSpec changed) {
        return with(spec.withCpus(changed));
    }

    private MicroVmBuilder options(OptionsSpec changed) {
        return with(spec.withOptions(changed));
    }

    private MicroVmBuilder clock(ClockSpec changed) {
        return with(spec.withClock(changed));
    }

    private MicroVmBuilder devices(DevicesSpec changed) {
        return with(spec.withDevices(changed));
    }

    private MicroVmBuilder virtio(VirtioDeviceSpec device) {
        return devices(spec.devices().withVirtio(device));
    }

    /** Adds a device with its code; one that was described without its code receives it. */
    private <T> MicroVmBuilder virtio(VirtioDeviceSpec device, CodeByPlace<T> code, T given) {
        List<VirtioDeviceSpec> all = spec.devices().virtio();
        boolean added = device.isCode() ? code.put(all, device, given) : code.append(all, given);
        return added ? virtio(device) : this;
    }

    private MicroVmBuilder own(BusDeviceSpec device, DeviceFactory factory) {
        Objects.requireNonNull(factory, "factory");
        boolean added = own.put(spec.devices().own(), device, factory);
        return added ? devices(spec.devices().withOwn(device)) : this;
    }
}
