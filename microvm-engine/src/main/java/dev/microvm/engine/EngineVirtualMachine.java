package dev.microvm.engine;

import dev.microvm.clock.ClockOnResume;
import dev.microvm.clock.GuestClock;
import dev.microvm.clock.Timers;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.engine.apic.LocalApics;
import dev.microvm.engine.memory.EngineRam;
import dev.microvm.engine.memory.PhysicalMemory;
import dev.microvm.event.EventLoop;
import dev.microvm.event.JavaEventLoop;
import dev.microvm.event.Signal;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Doorbell;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.IrqRoute;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.irq.IrqLine;
import dev.microvm.limits.Budget;
import dev.microvm.memory.GuestMemoryRegion;
import dev.microvm.memory.GuestRam;
import dev.microvm.memory.RamBacking;
import java.lang.foreign.Arena;
import java.time.Instant;
import java.time.InstantSource;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;

/** A machine whose CPUs are {@link EngineVcpu}s. */
final class EngineVirtualMachine implements VirtualMachine {
    /** Unless the host sets another frequency, the time-stamp counter counts nanoseconds. */
    static final int TSC_KHZ = 1_000_000;

    private static final int MAX_VCPUS = 254; // xAPIC IDs but the broadcast's
    private static final long CLOSE_MILLIS = 1000; // a counter of 1 kHz counts milliseconds

    private final String name;
    private final InterruptMode interruptMode;
    private final List<CpuidEntry> supportedCpuid;
    private final Arena arena = Arena.ofShared();
    private final EngineRam ram; // guarded by this
    private final PhysicalMemory memory = new PhysicalMemory();
    private final @Nullable InstructionTime instructionTime; // null with the host's clock
    private final EventLoop timers; // the local APICs': not the devices', which may be busy
    private @Nullable EventLoop deviceLoop; // guarded by this
    private boolean clockPaused; // guarded by this
    private final LocalApics apics = new LocalApics(this::endOfInterrupt);
    private final List<EngineVcpu> vcpus = new CopyOnWriteArrayList<>();
    private final Doorbells doorbells = new Doorbells();
    private final ExclusiveSection exclusive = new ExclusiveSection(vcpus);
    private volatile Map<Integer, IrqRoute.Msi> routes = Map.of();
    private final Budget.Owner translations;
    private final InstantSource wallClock;
    private final Object timeStampLock = new Object(); // for holders of a vCPU's lock, which close() takes too
    private long timeStampOffset; // guarded by timeStampLock
    private boolean offsetSet; // by the host; guarded by timeStampLock
    private volatile TscScale tsc = new TscScale(TSC_KHZ);
    private volatile long clockOrigin;
    private volatile boolean closed;

    EngineVirtualMachine(
            String name,
            InterruptMode interruptMode,
            GuestClock clock,
            List<CpuidEntry> supportedCpuid,
            Budget translations) {
        this.translations = translations.owner(name);
        this.supportedCpuid = supportedCpuid;
        this.name = name;
        this.ram = new EngineRam(name, arena);
        this.interruptMode = interruptMode;
        switch (clock) {
            case GuestClock.Host host -> {
                timers = new JavaEventLoop("microvm-" + name + "-timers");
                instructionTime = null;
                wallClock = InstantSource.system();
            }
            case GuestClock.Instructions instructions -> {
                InstructionTime own = new InstructionTime(instructions);
                timers = own;
                instructionTime = own;
                deviceLoop = own;
                wallClock = own::timeOfDay;
            }
        }
        this.clockOrigin = timers.nanoTime();
        this.timeStampOffset = -tsc.ticks(clockOrigin);
    }

    PhysicalMemory memory() {
        return memory;
    }

    /** What the vCPUs' translations are charged to. */
    Budget.Owner translations() {
        return translations;
    }

    Timers timers() {
        return timers;
    }

    /** The time that the vCPU's instructions make; null with the host's clock. */
    @Nullable
    InstructionTime instructionTime() {
        return instructionTime;
    }

    @Override
    public synchronized EventLoop eventLoop() {
        requireOpen();
        if (deviceLoop == null) {
            deviceLoop = new JavaEventLoop("microvm-" + name + "-io");
            if (clockPaused) deviceLoop.pauseClock();
        }
        return deviceLoop;
    }

    /** All time of the guest's is that of the two loops. */
    @Override
    public synchronized void pauseClock() {
        if (closed) return;
        clockPaused = true;
        timers.pauseClock();
        if (deviceLoop != null) deviceLoop.pauseClock();
    }

    @Override
    public synchronized void resumeClock(ClockOnResume how) {
        if (closed || !clockPaused) return;
        clockPaused = false;
        timers.resumeClock(how);
        if (deviceLoop != null) deviceLoop.resumeClock(how);
        vcpus.forEach(vcpu -> vcpu.clock().tellStopped());
    }

    LocalApics apics() {
        return apics;
    }

    Doorbells doorbells() {
        return doorbells;
    }

    ExclusiveSection exclusive() {
        return exclusive;
    }

    /** How time-stamp counters count. */
    TscScale tsc() {
        return tsc;
    }

    @Override
    public void tscKhz(long khz) {
        requireOpen();
        synchronized (timeStampLock) {
            tsc = new TscScale(khz);
            timeStampOffset = -tsc.ticks(clockOrigin);
        }
    }

    /**
     * What a time-stamp counter that was never set has more than {@link #tsc} makes of the time of
     * the timers.
     */
    long timeStampOffset() {
        synchronized (timeStampLock) {
            return timeStampOffset;
        }
    }

    /**
     * The same for a counter that the host sets. The counters of a machine are meant to agree, but
     * the host cannot set them at the same moment: so one that is close to the last that it set gets
     * its offset, as in KVM (kvm_synchronize_tsc in arch/x86/kvm/x86.c).
     */
    long commonOffset(long offset) {
        synchronized (timeStampLock) {
            long difference = offset - timeStampOffset;
            long close = CLOSE_MILLIS * tsc.khz();
            if (!offsetSet || difference > close || difference < -close) timeStampOffset = offset;
            offsetSet = true;
            return timeStampOffset;
        }
    }

    /** Whether no guest has made the time-stamp counters of two vCPUs differ. */
    boolean countersAgree() {
        for (EngineVcpu vcpu : vcpus) {
            if (vcpu.platform().timeStampOffset() != vcpus.getFirst().platform().timeStampOffset()) return false;
        }
        return true;
    }

    /** The time of day. */
    Instant wallClock() {
        return wallClock.instant();
    }

    /** What the paravirtual clock says at a time on the clock of the timers. */
    long clockAt(long nanos) {
        return nanos - clockOrigin;
    }

    @Override
    public long clockNanos() {
        requireOpen();
        return clockAt(timers.nanoTime());
    }

    @Override
    public void clockNanos(long nanos) {
        requireOpen();
        clockOrigin = timers.nanoTime() - nanos;
        vcpus.forEach(vcpu -> vcpu.clock().outdate());
    }

    boolean hasSeveralCpus() {
        return vcpus.size() > 1;
    }

    @Override
    public InterruptMode interruptMode() {
        return interruptMode;
    }

    @Override
    public boolean supports(Capability capability) {
        requireOpen();
        return supports(interruptMode, capability);
    }

    /** Whether a machine with its interrupt controllers there can do something. */
    static boolean supports(InterruptMode mode, Capability capability) {
        return switch (capability) {
            case READ_ONLY_MEMORY, DOORBELL, PARAVIRTUAL_CLOCK, GUEST_DEBUG -> true;
            case TSC_DEADLINE, INSTRUCTION_CLOCK -> mode == InterruptMode.SPLIT;
            case KERNEL_PIT -> false;
        };
    }

    /** With an instruction clock one: several would need an order among their instructions. */
    @Override
    public int maxVcpus() {
        return instructionTime == null ? MAX_VCPUS : 1;
    }

    @Override
    public synchronized GuestRam ram(RamBacking backing, long size) {
        requireOpen();
        return ram.open(backing, size);
    }

    @Override
    public synchronized void map(int slot, GuestMemoryRegion region) {
        requireOpen();
        memory.map(slot, region);
    }

    /** Takes a region away; returns when no vCPU can reach it any more. */
    @Override
    public void unmap(int slot) {
        requireOpen();
        memory.unmap(slot, () -> vcpus.forEach(EngineVcpu::forgetMemory));
    }

    @Override
    public List<CpuidEntry> supportedCpuid() {
        return supportedCpuid;
    }

    @Override
    public synchronized Vcpu createVcpu(int index) {
        requireOpen();
        if (index < 0 || index >= maxVcpus() || vcpus.stream().anyMatch(each -> each.index() == index)) {
            throw new HypervisorException(
                    "vCPU %d: must be 0 to %d and not there yet".formatted(index, maxVcpus() - 1));
        }
        EngineVcpu vcpu = new EngineVcpu(this, index);
        vcpus.add(vcpu);
        return vcpu;
    }

    @Override
    public void createPit() {
        requireOpen();
        throw new HypervisorException("the engine has no timer of its own: use the device I8254Pit");
    }

    @Override
    public void routes(List<IrqRoute> newRoutes) {
        Map<Integer, IrqRoute.Msi> byGsi = new HashMap<>();
        for (IrqRoute route : newRoutes) {
            if (!(route instanceof IrqRoute.Msi msi)) {
                throw new HypervisorException(
                        "route of GSI %d: the engine has no interrupt controller with pins".formatted(route.gsi()));
            }
            byGsi.put(msi.gsi(), msi);
        }
        routes = Map.copyOf(byGsi);
    }

    @Override
    public IrqLine irqLine(int gsi) {
        requireOpen();
        return level -> {
            if (level) raise(gsi);
        };
    }

    @Override
    public IrqLine edgeLine(int gsi) {
        return irqLine(gsi);
    }

    private void raise(int gsi) {
        IrqRoute.Msi route = routes.get(gsi);
        if (route != null) signalMsi(route.address(), route.data());
    }

    @Override
    public void signalMsi(long address, int data) {
        if (!closed) apics.signalMsi(address, data);
    }

    /** Tells the vCPU's handler, on the thread that wrote to the APIC: a vCPU's. */
    private void endOfInterrupt(int vector) {
        EngineVcpu vcpu = EngineVcpu.current();
        if (vcpu != null) vcpu.endOfInterrupt(vector);
    }

    @Override
    public Registration doorbell(Doorbell doorbell, Signal signal) {
        requireOpen();
        return doorbells.add(doorbell, signal);
    }

    private void requireOpen() {
        if (closed) throw new IllegalStateException(this + " is closed");
    }

    @Override
    public synchronized void close() {
        if (closed) return;
        vcpus.forEach(EngineVcpu::close); // refuses while one runs: then nothing is closed, and a later call may
        closed = true;
        timers.close();
        memory.clear(); // an address that somebody kept leads nowhere
        arena.close();
        ram.close();
    }

    @Override
    public String toString() {
        return "engine machine " + name;
    }
}
