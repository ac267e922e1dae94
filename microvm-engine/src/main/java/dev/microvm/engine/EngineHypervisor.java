package dev.microvm.engine;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.engine.cpu.CpuidTable;
import dev.microvm.host.NativeAccess;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Probe;
import dev.microvm.hypervisor.Probe.Support;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;

/** An x86-64 CPU in Java: runs wherever a JVM does that allows native access. Stateless. */
public final class EngineHypervisor implements Hypervisor {
    private final Budget translations;

    /** The engine of this JVM. */
    public EngineHypervisor() {
        this(JvmBudgets.translations());
    }

    /** Makes one whose machines share a budget of heap for translated code, in bytes. */
    EngineHypervisor(Budget translations) {
        this.translations = translations;
    }

    @Override
    public String name() {
        return "engine";
    }

    @Override
    public Probe probe() {
        return denial().map(reason -> new Probe(Support.NONE, reason, "")).orElseGet(Probe::full);
    }

    /**
     * Returns why the JVM denies what the engine needs to reach guest memory by its address, with
     * the remedy; empty if it does not.
     */
    private static Optional<String> denial() {
        return NativeAccess.denial(EngineHypervisor.class.getModule(), EngineHypervisor::restricted);
    }

    @SuppressWarnings("restricted") // that is what it is for; its result is not used
    private static void restricted() {
        MemorySegment.NULL.reinterpret(0);
    }

    @Override
    public Set<Capability> capabilities(InterruptMode interruptMode) {
        if (interruptMode == InterruptMode.KERNEL) return Set.of(); // see createVm
        return Arrays.stream(Capability.values())
                .filter(capability -> EngineVirtualMachine.supports(interruptMode, capability))
                .collect(Collectors.toUnmodifiableSet());
    }

    @Override
    public List<CpuidEntry> supportedCpuid(GuestClock clock) {
        List<CpuidEntry> table = CpuidTable.supported(EngineVirtualMachine.TSC_KHZ);
        return clock instanceof GuestClock.Host ? table : CpuidTable.withoutRandomNumbers(table);
    }

    /**
     * Makes a machine; {@link InterruptMode#KERNEL} is refused, because a Java engine has no kernel
     * to put them in.
     */
    @Override
    public VirtualMachine createVm(String name, InterruptMode interruptMode, GuestClock clock) {
        if (interruptMode == InterruptMode.KERNEL) {
            throw new HypervisorException(
                    "the engine has local APICs only, no PICs and no IOAPIC: use InterruptMode.SPLIT (irqchip SPLIT)");
        }
        if (interruptMode == InterruptMode.USERSPACE && clock instanceof GuestClock.Instructions) {
            throw new HypervisorException(
                    "clock: the host's in InterruptMode.USERSPACE, where the host decides when interrupts come, was %s: use InterruptMode.SPLIT (irqchip SPLIT)"
                            .formatted(clock));
        }
        denial().ifPresent(reason -> {
            throw new HypervisorException(reason);
        });
        return new EngineVirtualMachine(name, interruptMode, clock, supportedCpuid(clock), translations);
    }
}
