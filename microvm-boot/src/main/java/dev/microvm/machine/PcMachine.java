package dev.microvm.machine;

import static dev.microvm.hypervisor.MsrNumbers.IA32_MISC_ENABLE;
import static dev.microvm.hypervisor.MsrNumbers.IA32_MTRR_DEF_TYPE;

import dev.microvm.boot.BootLayout;
import dev.microvm.boot.BootState;
import dev.microvm.bus.BusDevice;
import dev.microvm.bus.IoBuses;
import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.console.ConsoleInput;
import dev.microvm.devices.firmware.DebugConsole;
import dev.microvm.devices.irqchip.IoApic;
import dev.microvm.devices.legacy.I8042;
import dev.microvm.devices.legacy.I8254Pit;
import dev.microvm.devices.legacy.Mc146818Rtc;
import dev.microvm.devices.legacy.SystemControlPortB;
import dev.microvm.devices.legacy.Uart16550;
import dev.microvm.devices.power.ExitPort;
import dev.microvm.devices.power.GenericEventDevice;
import dev.microvm.devices.power.PowerOffPort;
import dev.microvm.devices.power.ResetPort;
import dev.microvm.devices.power.SystemControlPortA;
import dev.microvm.devices.virtio.VirtioDeviceFactory;
import dev.microvm.devices.virtio.VirtioMmio;
import dev.microvm.devices.virtio.console.VirtioConsole;
import dev.microvm.error.MicroVmException;
import dev.microvm.event.EventLoop;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.ExitHandler;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import dev.microvm.model.ExitTrace;
import dev.microvm.model.HaltAction;
import dev.microvm.model.Irqchip;
import dev.microvm.model.SnapshotException;
import dev.microvm.model.TimedInput;
import dev.microvm.snapshot.MachineState;
import dev.microvm.state.DeviceState;
import dev.microvm.vcpu.CpuShares;
import dev.microvm.vcpu.HaltWatch;
import dev.microvm.vcpu.VcpuLoop;
import dev.microvm.vcpu.VcpuThreads;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.InstantSource;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.SequencedMap;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The machine in this process, put together from top to bottom: virtual machine, memory, devices,
 * vCPUs, kernel or firmware. Whoever makes it closes it.
 */
final class PcMachine implements Machine {
    private static final Logger log = LoggerFactory.getLogger(PcMachine.class);

    // Intel SDM vol. 4, table 2-2
    private static final long FAST_STRINGS = 1 << 0;
    private static final long MTRRS_ENABLED = 1 << 11;
    private static final long WRITE_BACK = 6;

    /** What a CPU has from the start. */
    private static final MsrEntry RESET_MSR = new MsrEntry(IA32_MISC_ENABLE, FAST_STRINGS);

    /** What the boot protocols leave to firmware, on each vCPU. */
    private static final MsrEntry FIRMWARE_MSR = new MsrEntry(IA32_MTRR_DEF_TYPE, MTRRS_ENABLED | WRITE_BACK);

    private static final int I8042_COMMAND_OFFSET =
            (int) (PcPart.I8042.plan().places().getLast().base()
                    - PcPart.I8042.plan().place().base());

    private static final Duration JOIN_LIMIT = Duration.ofSeconds(10);

    private final MachinePlan config;
    private final GuestEnd end;
    private final BooleanSupplier cancelled;
    private final Resources resources = new Resources();
    private final VirtualMachine vm;
    private final GuestRam ram;
    private final RamForks forks;
    private final GuestMemoryRegion generationPage; // in the memory if there is ACPI
    private final GuestMemory memory;
    private final EventLoop eventLoop;
    private final Interrupts interrupts;
    private final IoBuses buses = new IoBuses();
    private final Parts parts = new Parts(buses);
    private final Uart16550 uart;
    private final Optional<GenericEventDevice> genericEvents;
    private final List<VirtioMmio> virtio = new ArrayList<>();
    private final GuestTimeOfDay timeOfDay;
    private final List<Vcpu> vcpus = new ArrayList<>();
    private final VcpuThreads threads;
    private final MachinePause pause;
    private final MachineStateKeeper states;
    private final HaltWatch haltWatch;
    private final CpuShares cpuShares;
    private volatile boolean hasHalted;
    private volatile boolean isFreed;

    /**
     * Puts the machine together; what was opened is closed again if that fails. The serial port
     * prints to {@code serial}.
     *
     * @param cancelled whether the machine is not wanted any more: asked while the guest is loaded,
     *     which can take long
     * @throws java.util.concurrent.CancellationException if it is not
     */
    PcMachine(MachinePlan config, Uart16550.Output serial, GuestEnd end, BooleanSupplier cancelled) {
        this.config = config;
        this.end = end;
        this.cancelled = cancelled;
        try {
            vm = config.hypervisor()
                    .createVm(config.name(), config.options().irqchip().mode(), config.clock());
            resources.add(vm::close);
            forks = openRam();
            ram = forks.ram();
            generationPage = makeGenerationPage();
            memory = mapMemory();
            eventLoop = vm.eventLoop();
            resources.add(this::closeVirtioDevices); // after the loop has ended: a device may be at work on it
            resources.add(eventLoop::close);
            timeOfDay = new GuestTimeOfDay(timeOfDay());
            interrupts = interrupts();
            interrupts.parts().forEach(parts::add); // first, because the others drive its lines when they are restored
            uart = new Uart16550(interrupts.line(PcPart.COM1.gsi()), serial, eventLoop);
            typeInTime();
            addTimer();
            addLegacyDevices();
            addFirmwareDevices();
            genericEvents = addPowerControl();
            addVirtioDevices();
            addUserDevices();
            createVcpus();
            threads = new VcpuThreads(config.name(), loops());
            pause = new MachinePause(config, vm, eventLoop, virtio, timeOfDay, threads);
            states = new MachineStateKeeper(config, vm, eventLoop, vcpus, parts);
            cpuShares = new CpuShares(config.name(), threads);
            haltWatch = new HaltWatch(config.name(), threads, this::halted);
            end.onEnd(threads::stop);
            if (config.start() instanceof GuestStart.Continue from) continueFrom(from);
        } catch (RuntimeException | Error e) {
            resources.close();
            throw e;
        }
    }

    private RamForks openRam() {
        RamImage continued = config.start() instanceof GuestStart.Continue from ? from.memory() : null;
        FrozenRam base = continued == null ? null : continued.holdBase();
        GuestRam opened;
        try {
            opened = vm.ram(config.ram(), config.memorySize());
        } catch (RuntimeException | Error e) {
            if (base != null) base.letGo();
            throw e;
        }
        RamForks made = new RamForks(config.name(), opened, config.ram(), base);
        resources.add(made::close);
        if (continued != null) continued.complete(opened.segment());
        return made;
    }

    private GuestMemory mapMemory() {
        List<GuestMemoryRegion> regions = new ArrayList<>();
        long low = Math.min(config.memorySize(), BootLayout.LOW_RAM_MAX);
        regions.add(ram.region(0, 0, low));
        if (ram.size() > low) regions.add(ram.region(BootLayout.HIGH_RAM, low, ram.size() - low));
        long rom = config.start().romSize();
        if (rom > 0) {
            GuestMemoryRegion firmware = new GuestMemoryRegion(BootLayout.ROM_END - rom, vm.allocate(rom), true);
            regions.add(firmware);
            parts.add(new Rom(firmware).part());
        }
        if (config.options().acpi().present()) regions.add(generationPage);
        for (int slot = 0; slot < regions.size(); slot++) vm.map(slot, regions.get(slot));
        return new GuestMemory(regions);
    }

    private GuestMemoryRegion makeGenerationPage() {
        Place at = PcPart.GENERATION_ID.plan().place();
        return new GuestMemoryRegion(at.base(), vm.allocate(at.size()), /* readOnly= */ true);
    }

    private Interrupts interrupts() {
        if (config.options().irqchip() == Irqchip.KERNEL) return new KernelInterrupts(vm);
        boolean second = PcLayout.needsSecondIoApic(config.virtio().size());
        SplitInterrupts made = new SplitInterrupts(vm, config.options().pic().present(), second);
        buses.onEndOfInterrupt(made::endOfInterrupt);
        return made;
    }

    private void addTimer() {
        if (!config.options().pit().present()) return;
        if (config.options().irqchip() == Irqchip.KERNEL && vm.supports(Capability.KERNEL_PIT)) {
            vm.createPit();
        } else {
            I8254Pit pit = new I8254Pit(interrupts.line(PcPart.PIT.gsi()), eventLoop);
            parts.add(PcPart.PIT, pit);
            parts.add(PcPart.SYSTEM_CONTROL_B, new SystemControlPortB(pit));
        }
    }

    /** Arms what the user wants typed at given times. */
    private void typeInTime() {
        long start = eventLoop.nanoTime();
        for (TimedInput input : config.typed()) {
            byte[] text = input.text().getBytes(StandardCharsets.UTF_8);
            eventLoop
                    .timer(() -> uart.receive(text, 0, text.length))
                    .armAt(start + input.at().toNanos());
        }
    }

    /** The time of day: with a clock of its own, the machine's. */
    private InstantSource timeOfDay() {
        return switch (config.clock()) {
            case GuestClock.Host host -> config.rtcClock();
            case GuestClock.Instructions clock -> () -> clock.start().plusNanos(eventLoop.nanoTime());
        };
    }

    private void addLegacyDevices() {
        if (config.options().isaSerial().present()) parts.add(PcPart.COM1, uart);
        if (config.options().rtc().present()) {
            Mc146818Rtc rtc = new Mc146818Rtc(interrupts.line(PcPart.RTC.gsi()), eventLoop, timeOfDay);
            long low = Math.min(config.memorySize(), BootLayout.LOW_RAM_MAX);
            rtc.memorySize(low, config.memorySize() - low);
            parts.add(PcPart.RTC, rtc);
        }
        I8042 keyboardController =
                new I8042(interrupts.line(PcPart.I8042.gsi()), () -> end.reset("keyboard controller"));
        BusDevice commandPort = keyboardController.from(I8042_COMMAND_OFFSET);
        parts.add(new Part(PcPart.I8042.plan(), List.of(keyboardController, commandPort), keyboardController));
        parts.add(PcPart.SYSTEM_CONTROL_A, new SystemControlPortA(() -> end.reset("system control port A")));
        parts.add(PcPart.RESET_CONTROL, new ResetPort(() -> end.reset("reset control register 0xcf9")));
        parts.add(PcPart.EXIT, new ExitPort(end::exitPort));
        PowerOffPort powerOff = new PowerOffPort(end::poweredOff);
        parts.add(new Part(PcPart.POWER_OFF.plan(), List.of(powerOff, powerOff, powerOff), powerOff));
    }

    private void addFirmwareDevices() {
        parts.add(PcPart.FW_CFG, config.fwCfg().build(memory));
        if (config.start().hasDebugConsole()) {
            Consumer<String> lines = config.extras().firmwareLog();
            if (lines != null) {
                parts.add(PcPart.DEBUG_CONSOLE, new DebugConsole(new FirmwareLog(lines)));
            } else if (FirmwareLog.enabled() || config.start() instanceof GuestStart.Continue) {
                // else it is not there, and firmware need not print
                parts.add(PcPart.DEBUG_CONSOLE, new DebugConsole(FirmwareLog.toLog(config.name())));
            }
        }
    }

    /**
     * Power-off, reset and the power button, as ACPI has them on a machine without fixed hardware.
     */
    private Optional<GenericEventDevice> addPowerControl() {
        if (!config.options().acpi().present()) return Optional.empty();
        GenericEventDevice made = new GenericEventDevice(
                interrupts.line(PcPart.GENERIC_EVENTS.gsi()), end::poweredOff, () -> end.reset("ACPI reset register"));
        parts.add(PcPart.GENERIC_EVENTS, made);
        boolean repeatable = config.clock() instanceof GuestClock.Instructions;
        parts.add(new GenerationId(generationPage, repeatable, made::reportGeneration).part());
        return Optional.of(made);
    }

    private void addVirtioDevices() {
        for (VirtioSlot slot : config.virtio()) {
            VirtioDeviceFactory factory =
                    transport -> UserDevices.made(slot.factory().create(transport));
            VirtioMmio device = UserDevices.make(
                    "virtio device \"%s\"".formatted(slot.name()),
                    () -> new VirtioMmio(slot.version(), factory, memory, eventLoop, interrupts.edgeLine(slot.gsi())));
            virtio.add(device);
            parts.add(Part.of(slot.part(), device));
            if (vm.supports(Capability.DOORBELL) && !device.device().notifiedByVcpu()) {
                ringByHypervisor(slot.base(), device);
            }
        }
    }

    /** Lets the hypervisor ring a device's doorbells, without a way through the vCPU's thread. */
    private void ringByHypervisor(long base, VirtioMmio device) {
        for (int queue = 0; queue < device.queueCount(); queue++) {
            Doorbell at = Doorbell.mmio(base + VirtioMmio.NOTIFY_REGISTER, Integer.BYTES, queue);
            vm.doorbell(at, device.doorbell(queue));
        }
    }

    private void closeVirtioDevices() {
        Resources devices = new Resources();
        virtio.forEach(device -> devices.add(device::close));
        devices.close();
    }

    private void addUserDevices() {
        UserDevices devices = new UserDevices(interrupts, lines(), eventLoop, memory);
        for (MachinePlan.UserDevice device : config.devices()) {
            parts.add(Part.of(device.part(), devices.make(device)));
        }
    }

    /** Returns how many global system interrupts there are. */
    private int lines() {
        return PcLayout.needsSecondIoApic(config.virtio().size()) ? 2 * IoApic.PC_PINS : IoApic.PC_PINS;
    }

    private void createVcpus() {
        if (config.vcpus() > vm.maxVcpus()) {
            throw new HypervisorException("vcpus: %s allows %d on this host, was %d"
                    .formatted(config.hypervisor().name(), vm.maxVcpus(), config.vcpus()));
        }
        long tscKhz = config.tscKhz();
        if (tscKhz != 0) vm.tscKhz(tscKhz);
        for (int index = 0; index < config.vcpus(); index++) {
            Vcpu vcpu = vm.createVcpu(index);
            requireFrequency(vcpu, tscKhz);
            vcpu.cpuid(config.cpuid(index));
            if (config.start() instanceof GuestStart.Boot boot) powerOn(vcpu, boot);
            vcpus.add(vcpu);
        }
    }

    private void requireFrequency(Vcpu vcpu, long khz) {
        if (new TscFrequency(khz).fits(vcpu.tscKhz())) return;
        if (config.start() instanceof GuestStart.Continue) {
            throw new SnapshotException(
                    "snapshot: its time-stamp counter has %d kHz, here it has %d, and %s does not scale it: continue it on the engine or on a host like the first, or take it of a machine with tscKhz(%d)"
                            .formatted(khz, vcpu.tscKhz(), config.hypervisor().name(), vcpu.tscKhz()));
        }
        throw new HypervisorException("tscKhz: %d, because %s does not scale it on this host, was %d"
                .formatted(vcpu.tscKhz(), config.hypervisor().name(), khz));
    }

    private void powerOn(Vcpu vcpu, GuestStart.Boot boot) {
        vcpu.msrs(boot.byFirmware() ? List.of(RESET_MSR) : List.of(RESET_MSR, FIRMWARE_MSR));
        if (vcpu.index() != 0) return;
        BootState start = boot.plan().load(memory, cancelled);
        vcpu.specialRegisters(start.special().apply(vcpu.specialRegisters()));
        vcpu.registers(start.registers());
    }

    private List<VcpuLoop> loops() {
        ExitTrace exitTrace = config.extras().exitTrace();
        List<VcpuLoop> loops = new ArrayList<>();
        for (Vcpu vcpu : vcpus) {
            ExitHandler devices = exitTrace == null ? buses : new TracedExits(vcpu.index(), buses, exitTrace);
            loops.add(new VcpuLoop(vcpu, devices, end, vcpu.index() == 0 ? interrupts.externalInterrupts() : null));
        }
        interrupts.connect(loops.getFirst());
        return loops;
    }

    /** Leaves the machine paused, until it is resumed. */
    private void continueFrom(GuestStart.Continue from) {
        pause.pause();
        states.restore(from);
    }

    @Override
    public void start() {
        threads.start();
        cpuShares.start();
        haltWatch.start();
    }

    private void halted() {
        hasHalted = true;
        if (config.onHalt() == HaltAction.END) end.halted();
        else log.info("machine {}: the guest has halted for good, and stays", config.name());
    }

    @Override
    public boolean hasHalted() {
        return hasHalted;
    }

    @Override
    public void stop() {
        end.stopped();
    }

    @Override
    public void pause() {
        pause.pause();
    }

    @Override
    public void resume(ClockOnResume clock) {
        pause.resume(clock);
    }

    @Override
    public GuestView view() {
        requirePaused();
        return new GuestView(vcpus, memory, config.memorySize(), pause);
    }

    @Override
    public SequencedMap<String, DeviceState> save() {
        requireSavable();
        return parts.save();
    }

    @Override
    public MachineState state() {
        requireSavable();
        return states.save();
    }

    @Override
    public RamImage fork() {
        requirePaused();
        return forks.fork();
    }

    @Override
    public Optional<RamImage> forkIfInMemory() {
        requirePaused();
        return forks.forkIfInMemory();
    }

    @Override
    public BitSet pagesUnlike(RamBacking backing) {
        requirePaused();
        return forks.pagesUnlike(backing);
    }

    @Override
    public MemorySegment ram() {
        return ram.segment();
    }

    private void requireSavable() {
        requirePaused();
        if (config.options().irqchip() == Irqchip.KERNEL) {
            throw new MicroVmException(
                    "irqchip: the state of the hypervisor's own interrupt controllers cannot be saved:"
                            + " use irqchip(SPLIT)");
        }
    }

    @Override
    public void restore(Map<String, DeviceState> states) {
        requirePaused();
        parts.restore(states);
    }

    private void requirePaused() {
        if (!pause.paused()) throw new IllegalStateException("machine " + config.name() + " is not paused");
    }

    @Override
    public void reset() {
        end.reset("the host");
    }

    @Override
    public void pressPowerButton() {
        genericEvents.ifPresent(GenericEventDevice::pressPowerButton);
    }

    @Override
    public void resizeConsole(int columns, int rows) {
        for (VirtioMmio device : virtio) {
            if (device.device() instanceof VirtioConsole console) console.resize(columns, rows);
        }
    }

    @Override
    public void cpuShare(int percent) {
        cpuShares.set(percent);
    }

    @Override
    public void connect(ConsoleInput typed) {
        typed.connect(uart);
    }

    @Override
    public void outputReady() {
        uart.outputReady();
    }

    @Override
    public String describe() {
        return MachineDescription.of(config, parts.plans());
    }

    @Override
    public boolean ownsCurrentThread() {
        return threads.onVcpuThread() || eventLoop.onLoopThread();
    }

    @Override
    public boolean isFreed() {
        return isFreed;
    }

    @Override
    public void close() {
        threads.stop();
        haltWatch.close();
        cpuShares.close();
        boolean ended = threads.stopAndJoin(JOIN_LIMIT);
        eventLoop.close();
        if (ended && eventLoop.ended()) {
            resources.close();
            isFreed = true;
        } else {
            // What a thread may still touch must not go away under it: better to leak than to crash the JVM.
            log.error("machine {}: a thread of it does not end, so its memory stays allocated", config.name());
        }
    }
}
