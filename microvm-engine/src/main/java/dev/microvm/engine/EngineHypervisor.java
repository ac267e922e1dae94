package dev.microvm.engine;

import dev.microvm.clock.GuestClock;
import dev.microvm.cpuid.CpuidEntry;
import dev.microvm.engine.cpu.CpuidTable;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Probe;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.limits.Budget;
import dev.microvm.limits.JvmBudgets;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/** An x86-64 CPU in Java: runs wherever a JVM does. Stateless. */
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
        return Probe.full();
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
        return new EngineVirtualMachine(name, interruptMode, clock, supportedCpuid(clock), translations);
    }
}
