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
import dev.microvm.devices.virtio.vsock.VirtioVsockOptions;
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
import dev.microvm.model.Feature;
import dev.microvm.model.FirmwareSpec;
import dev.microvm.model.HypervisorChoice;
import dev.microvm.model.Irqchip;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.NetSpec;
import dev.microvm.model.OptionsSpec;
import dev.microvm.model.ResetAction;
import dev.microvm.model.TimedInput;
import dev.microvm.model.VirtioDeviceSpec;
import java.io.OutputStream;
import java.nio.file.Path;
import java.security.SecureRandom;
import java.time.Duration;
import java.time.InstantSource;
import java.util.List;
import java.util.function.Consumer;
import java.util.random.RandomGenerator;
import org.jspecify.annotations.Nullable;

/**
 * The description of a {@link MicroVm}: setters that fill a {@link MachineSpec}, and beside it what is code.
 * {@link #build} checks it all, reports every problem at once and opens nothing. For one thread; a builder
 * can build several machines.
 */
public final class MicroVmBuilder {
    private MachineSpec spec;

    // What is code, beside the description: see HostExtras.
    private @Nullable ConsoleOpener console;
    private @Nullable Consumer<String> firmwareLog;
    private @Nullable InstantSource rtcClock;
    private final CodeByPlace<VirtioDeviceFactory> makers = new CodeByPlace<>();
    private final CodeByPlace<NetBackend> networks = new CodeByPlace<>();
    private final CodeByPlace<RandomGenerator> random = new CodeByPlace<>();
    private final CodeByPlace<DeviceFactory> own = new CodeByPlace<>();

    MicroVmBuilder(MachineSpec spec) {
        this.spec = spec;
    }

    /**
     * The machine's name, in the names of its threads and in logs: 1 to 40 letters, digits, {@code . _ -}.
     * Default vm-N.
     */
    public MicroVmBuilder name(String value) {
        return with(spec.withName(value));
    }

    /**
     * What runs the vCPUs. Default: the system property {@code microvm.hypervisor} ({@code auto},
     * {@code kvm}, {@code engine}), and {@link HypervisorChoice#AUTO} without it.
     */
    public MicroVmBuilder hypervisor(HypervisorChoice value) {
        return with(spec.withHypervisor(value));
    }

    /**
     * The kernel: an ELF {@code vmlinux}, a {@code bzImage}, or one with a Multiboot header. Required
     * without {@link #firmware}.
     */
    public MicroVmBuilder kernel(Path file) {
        return boot(spec.boot().withKernel(file));
    }

    /** The initial file system, given to the kernel as it is. Default none. */
    public MicroVmBuilder initrd(Path file) {
        return boot(spec.boot().withInitrd(Content.of(file)));
    }

    /** The initial file system, given to the kernel as it is; the array is not copied. */
    public MicroVmBuilder initrd(byte[] image) {
        return boot(spec.boot().withInitrd(Content.of(image)));
    }

    /** The initial file system, built here. */
    public MicroVmBuilder initrd(Initramfs image) {
        return initrd(image.toBytes());
    }

    /**
     * Adds a module for a Multiboot kernel.
     *
     * @param file given to the kernel as it is
     * @param moduleCmdline what the kernel can read about it, ASCII; may be empty
     */
    public MicroVmBuilder module(Path file, String moduleCmdline) {
        return boot(spec.boot().withModule(new ModuleSpec(Content.of(file), moduleCmdline)));
    }

    /** The same with a module in memory; the array is not copied. */
    public MicroVmBuilder module(byte[] image, String moduleCmdline) {
        return boot(spec.boot().withModule(new ModuleSpec(Content.of(image), moduleCmdline)));
    }

    /**
     * The kernel's command line, ASCII. Default {@code console=ttyS0 reboot=k panic=-1}: the console is the
     * serial port, if there is one, and a reset or a panic ends the machine.
     */
    public MicroVmBuilder cmdline(String value) {
        return boot(spec.boot().withCmdline(value));
    }

    /** How the kernel is entered. Default {@link BootProtocol#AUTO}: as its file offers. */
    public MicroVmBuilder bootProtocol(BootProtocol value) {
        return boot(spec.boot().withProtocol(value));
    }

    /** Who unpacks a bzImage. Default {@link Unpacking#AUTO}: the host, where it can. */
    public MicroVmBuilder unpacking(Unpacking value) {
        return boot(spec.boot().withUnpacking(value));
    }

    /**
     * Starts the guest by firmware instead of entering the kernel directly: a ROM image of 4 KiB to 8 MiB,
     * such as QEMU's qboot.rom or SeaBIOS's bios-microvm.bin. It finds {@link #kernel} by fw_cfg; without a
     * kernel it looks for one itself. Default none.
     */
    public MicroVmBuilder firmware(Path file) {
        return firmware(firmware().withFile(file));
    }

    /**
     * Whether firmware finds the {@linkplain #optionRom option ROMs}. AUTO, the default, is on, and needs none;
     * ON needs one.
     */
    public MicroVmBuilder optionRoms(Feature value) {
        return firmware(firmware().withOptionRoms(value));
    }

    /**
     * Adds an option ROM, which firmware runs to boot from: SeaBIOS needs QEMU's linuxboot_dma.bin to start a
     * bzImage, and pvh.bin to start an ELF file. qboot needs none.
     */
    public MicroVmBuilder optionRom(Path file) {
        return firmware(firmware().withOptionRom(file));
    }

    /**
     * Adds an item to fw_cfg: Linux has it in {@code /sys/firmware/qemu_fw_cfg/by_name}. The array is not
     * copied.
     *
     * @param itemName begins with {@code opt/}; up to 55 ASCII characters
     */
    public MicroVmBuilder fwCfg(String itemName, byte[] content) {
        return firmware(firmware().withItem(new FirmwareSpec.Item(itemName, Content.of(content))));
    }

    /** The same with the content of a file, which is read when the guest asks: leave it unchanged until the end. */
    public MicroVmBuilder fwCfg(String itemName, Path file) {
        return firmware(firmware().withItem(new FirmwareSpec.Item(itemName, Content.of(file))));
    }

    /**
     * Takes what firmware prints on its debug console, port 0x402: lines of at most 200 characters, at most
     * 10,000 in a run. Called on the thread of a vCPU: must not block. Default: the log, at level DEBUG.
     */
    public MicroVmBuilder firmwareLog(Consumer<String> lines) {
        firmwareLog = lines;
        return this;
    }

    /** Guest memory in MiB, from 2 to what the host has. Default 128. */
    public MicroVmBuilder memoryMiB(int mib) {
        return with(spec.withMemory(spec.memory().withMib(mib)));
    }

    /** What is behind the guest's memory on the host. Default {@link RamBacking#anonymous}. */
    public MicroVmBuilder ram(RamBacking value) {
        return with(spec.withMemory(spec.memory().withBacking(value)));
    }

    /** How many vCPUs, 1 to 254. Default 1. */
    public MicroVmBuilder vcpus(int count) {
        return cpus(spec.cpus().withVcpus(count));
    }

    /**
     * Whether the guest is told of a feature of the CPU. ON needs a hypervisor that has it; OFF hides it, but not
     * what builds on it; AUTO, the default, shows what the hypervisor has.
     *
     * @param feature by its name in {@code /proc/cpuinfo}: {@link CpuFeature}
     */
    public MicroVmBuilder cpuFeature(String feature, Feature value) {
        return cpus(spec.cpus().withFeature(feature, value));
    }

    /**
     * Sets what CPUID answers for a leaf or sub-leaf, on each vCPU: {@link MicroVm#cpuid}. Only features that the
     * hypervisor has may be set; the APIC ID and the leaves of topology and XSAVE are the machine's.
     */
    public MicroVmBuilder cpuidLeaf(CpuidEntry leaf) {
        return cpus(spec.cpus().withLeaf(leaf));
    }

    /** Where the interrupt controllers are. Default {@link Irqchip#SPLIT}. */
    public MicroVmBuilder irqchip(Irqchip value) {
        return options(spec.options().withIrqchip(value));
    }

    /** The 8259 interrupt controllers. OFF needs {@link Irqchip#SPLIT}. AUTO, the default, is on. */
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
     * The time that the real-time clock shows, in UTC, until the guest sets it; QEMU's {@code -rtc base=}. For a
     * clock that starts at a given moment use {@link InstantSource#offset}; a fixed one never brings an alarm. It
     * is asked on threads of the machine. Default: the time of the host.
     */
    public MicroVmBuilder rtcClock(InstantSource value) {
        rtcClock = value;
        return clock(spec.clock().withOwnRtcClock());
    }

    /**
     * What the time of the guest follows. Default: the clock of the host. With {@link GuestClock#instructions},
     * which needs the engine and one vCPU, runs of the same description are equal, instruction for instruction:
     * input must be given by {@link #typeAt}, and devices of your own act by {@link DeviceContext#timers} alone.
     */
    public MicroVmBuilder clock(GuestClock value) {
        return clock(spec.clock().withClock(value));
    }

    /**
     * Types text into the serial port, as UTF-8, at a time of the guest; at most 65,536 bytes in all. It is typed
     * again after a reset.
     *
     * @param sinceStart time of the guest since the start; 0 is before the first instruction
     */
    public MicroVmBuilder typeAt(Duration sinceStart, String text) {
        return clock(spec.clock().withTyped(new TimedInput(sinceStart, text)));
    }

    /** The 16550 serial port, which is the console. AUTO, the default, is on. */
    public MicroVmBuilder isaSerial(Feature value) {
        return options(spec.options().withIsaSerial(value));
    }

    /** ACPI tables. Without them a guest finds CPUs and IOAPIC by the MP table. AUTO, the default, is on. */
    public MicroVmBuilder acpi(Feature value) {
        return options(spec.options().withAcpi(value));
    }

    /**
     * Whether the command line tells the kernel what it would read in ACPI tables, such as that there is no RTC.
     * AUTO, the default, is on without {@link #acpi}; with it there is nothing to add.
     */
    public MicroVmBuilder autoKernelCmdline(Feature value) {
        return options(spec.options().withAutoKernelCmdline(value));
    }

    /** What follows a reset. Default {@link ResetAction#END}. */
    public MicroVmBuilder onReset(ResetAction value) {
        return options(spec.options().withOnReset(value));
    }

    /**
     * Where the console leads besides {@link MicroVm#console}; it is the serial port, if there is one. Default
     * {@link ConsoleTarget#buffer}: nowhere else.
     */
    public MicroVmBuilder serial(ConsoleTarget value) {
        console = value.code();
        return with(spec.withConsole(value.spec()));
    }

    /** Copies what the guest prints to {@code to} as well, as {@link ConsoleTarget#output}. */
    public MicroVmBuilder serial(OutputStream to) {
        return serial(ConsoleTarget.output(to));
    }

    /** Plugs in an entropy device, Linux's {@code /dev/hwrng}, with bytes of the host's {@link SecureRandom}. */
    public MicroVmBuilder virtioRng() {
        return virtio(new VirtioDeviceSpec.Rng(true));
    }

    /**
     * The same from another source.
     *
     * @param source is asked on the I/O thread of the machine; one with a seed makes runs that can be repeated, and
     *     secrets of the guest that anybody can guess
     */
    public MicroVmBuilder virtioRng(RandomGenerator source) {
        return virtio(new VirtioDeviceSpec.Rng(false), random, source);
    }

    /** Plugs in a disk as {@link #virtioBlk(VirtioBlkOptions)}: the first is {@code /dev/vda} in Linux. */
    public MicroVmBuilder virtioBlk(DiskImage image) {
        return virtioBlk(VirtioBlkOptions.of(image));
    }

    /**
     * Plugs in a disk. {@link #build} checks its image without opening it; each start opens and locks it, or throws
     * {@link dev.microvm.backend.disk.BlockException}.
     */
    public MicroVmBuilder virtioBlk(VirtioBlkOptions options) {
        return virtio(new VirtioDeviceSpec.Blk(options));
    }

    /**
     * Plugs in a virtio console, Linux's {@code hvc0}, and serial ports, Linux's {@code /dev/virtio-ports/NAME}.
     * It is {@link MicroVm#console} without {@link #isaSerial}, and {@link MicroVm#port} of {@code "hvc0"}. Once
     * for a machine.
     *
     * @param portNames up to 31, of 1 to 64 letters, digits, {@code . _ -}
     */
    public MicroVmBuilder virtioConsole(String... portNames) {
        return virtio(new VirtioDeviceSpec.Console(List.of(portNames)));
    }

    /**
     * Plugs in a network device, with an Ethernet address that is made of the {@link #name} of the machine.
     *
     * @param network where its frames go, such as a {@link dev.microvm.backend.net.user.UserNetwork}; it is opened
     *     when the machine starts and closed when it ends, and serves one device at a time
     */
    public MicroVmBuilder virtioNet(NetBackend network) {
        return virtio(new VirtioDeviceSpec.Net(NetSpec.of(network), null), networks, network);
    }

    /** The same with an Ethernet address of your own. */
    public MicroVmBuilder virtioNet(NetBackend network, MacAddress address) {
        return virtio(new VirtioDeviceSpec.Net(NetSpec.of(network), address), networks, network);
    }

    /** Plugs in a memory balloon with {@link VirtioBalloonOptions#DEFAULT}. */
    public MicroVmBuilder virtioBalloon() {
        return virtioBalloon(VirtioBalloonOptions.DEFAULT);
    }

    /**
     * Plugs in a memory balloon, by which the guest gives memory back to the host: {@link MicroVm#balloon}. Once
     * for a machine.
     */
    public MicroVmBuilder virtioBalloon(VirtioBalloonOptions options) {
        return virtio(new VirtioDeviceSpec.Balloon(options));
    }

    /**
     * Plugs in a socket device: {@link MicroVm#vsock} connects to AF_VSOCK ports of the guest and listens for the
     * guest, which finds the host at context ID 2. Once for a machine.
     *
     * @param cid the context ID of the guest, 3 to 0xfffffffe; another machine may have the same
     */
    public MicroVmBuilder virtioVsock(long cid) {
        return virtio(new VirtioDeviceSpec.Vsock(new VirtioVsockOptions(cid, null)));
    }

    /**
     * The same, for other processes too: {@link dev.microvm.devices.virtio.vsock.VsockUnixSockets}.
     *
     * @param path of a Unix socket that exists while the machine runs; with {@code _PORT} behind it, of those that
     *     the guest connects to
     */
    public MicroVmBuilder virtioVsock(long cid, Path path) {
        return virtio(new VirtioDeviceSpec.Vsock(new VirtioVsockOptions(cid, path)));
    }

    /**
     * Plugs a virtio device of your own into the next slot. A machine has 8 slots, or 24 with ACPI and irqchip
     * SPLIT; more than 8 bring a second IOAPIC.
     *
     * @param deviceName for {@link MicroVm#describe}
     * @param factory makes the device for each run; a {@link dev.microvm.devices.virtio.HostEnd} is also opened,
     *     ended and closed with the machine
     */
    public MicroVmBuilder virtioDevice(String deviceName, VirtioDeviceFactory factory) {
        return virtio(new VirtioDeviceSpec.Own(deviceName), makers, factory);
    }

    /** The version of all virtio devices: LEGACY for guests older than VIRTIO 1.0. Default MODERN. */
    public MicroVmBuilder virtioVersion(VirtioMmio.Version value) {
        return devices(spec.devices().withVirtioVersion(value));
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
        return own(new BusDeviceSpec(deviceName, true, port, size), factory);
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
        return own(new BusDeviceSpec(deviceName, false, gpa, size), factory);
    }

    /** The description so far, as data. */
    public MachineSpec spec() {
        return spec;
    }

    /**
     * Checks the whole description and opens nothing.
     *
     * @throws MicroVmConfigException with every problem found
     */
    public MicroVm build() {
        return new MicroVm(plan());
    }

    /** {@link #build} and {@link MicroVm#start} in one. */
    public MicroVm start() {
        return build().start();
    }

    /** The machine, decided. */
    MachinePlan plan() {
        HostExtras extras =
                new HostExtras(console, firmwareLog, rtcClock, makers.map(), networks.map(), random.map(), own.map());
        MachinePlanner planner = new MachinePlanner(spec, extras);
        MachinePlan plan = planner.plan();
        if (plan == null) throw new MicroVmConfigException(planner.problems());
        return plan;
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

    /** Adds a device with its code; a description that has the device without its code gets the code. */
    private <T> MicroVmBuilder virtio(VirtioDeviceSpec device, CodeByPlace<T> code, T given) {
        List<VirtioDeviceSpec> all = spec.devices().virtio();
        boolean added = device.isCode() ? code.put(all, device, given) : code.append(all, given);
        return added ? virtio(device) : this;
    }

    private MicroVmBuilder own(BusDeviceSpec device, DeviceFactory factory) {
        boolean added = own.put(spec.devices().own(), device, factory);
        return added ? devices(spec.devices().withOwn(device)) : this;
    }
}
