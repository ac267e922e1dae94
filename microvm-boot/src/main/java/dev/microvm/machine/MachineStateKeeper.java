package dev.microvm.machine;

import dev.microvm.clock.GuestClock;
import dev.microvm.event.EventLoop;
import dev.microvm.hypervisor.Capability;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuState;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.model.BootSpec;
import dev.microvm.model.ClockSpec;
import dev.microvm.model.MachineSpec;
import dev.microvm.model.SnapshotException;
import dev.microvm.model.TimedInput;
import dev.microvm.snapshot.MachineState;
import dev.microvm.snapshot.SavedVcpu;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;

/**
 * Takes the state of a machine that is paused, and puts it into a new one. Devices that drive lines
 * find the interrupt controllers as they were, and all find their RAM. For one thread.
 */
final class MachineStateKeeper {
    private final MachinePlan plan;
    private final VirtualMachine vm;
    private final EventLoop loop;
    private final List<Vcpu> vcpus;
    private final Parts parts;
    private final long began;

    /**
     * Makes one for a machine that begins now.
     *
     * @param loop whose time the machine's devices have
     */
    MachineStateKeeper(MachinePlan plan, VirtualMachine vm, EventLoop loop, List<Vcpu> vcpus, Parts parts) {
        this.plan = plan;
        this.vm = vm;
        this.loop = loop;
        this.vcpus = List.copyOf(vcpus);
        this.parts = parts;
        this.began = loop.nanoTime();
    }

    /** Takes the state. */
    MachineState save() {
        List<SavedVcpu> saved = new ArrayList<>();
        for (Vcpu vcpu : vcpus) {
            saved.add(new SavedVcpu(plan.cpuid(vcpu.index()), vcpu.tscKhz(), VcpuState.of(vcpu, vm.interruptMode())));
        }
        OptionalLong clock =
                vm.supports(Capability.PARAVIRTUAL_CLOCK) ? OptionalLong.of(vm.clockNanos()) : OptionalLong.empty();
        return new MachineState(remainingSpec(), plan.hypervisor().name(), Instant.now(), clock, saved, parts.save());
    }

    /** What the machine is from now on: what only its start needed is left out. */
    private MachineSpec remainingSpec() {
        Duration elapsed = Duration.ofNanos(loop.nanoTime() - began);
        MachineSpec spec = plan.spec();
        BootSpec boot = spec.boot();
        BootSpec remaining = new BootSpec(
                boot.kernel(), null, List.of(), boot.cmdline(), boot.protocol(), boot.unpacking(), boot.firmware());
        return spec.withBoot(remaining).withClock(remaining(spec.clock(), elapsed));
    }

    private static ClockSpec remaining(ClockSpec spec, Duration elapsed) {
        GuestClock clock = spec.clock() instanceof GuestClock.Instructions instructions
                ? instructions.startingAt(instructions.start().plus(elapsed))
                : spec.clock();
        List<TimedInput> typed = spec.typed().stream()
                .filter(input -> input.at().compareTo(elapsed) > 0)
                .map(input -> new TimedInput(input.at().minus(elapsed), input.text()))
                .toList();
        return new ClockSpec(clock, spec.ownRtcClock(), typed);
    }

    /**
     * Puts a state into the machine, which is paused and was not started. The clock is set before
     * the vCPUs, whose time-stamp counters it goes by.
     *
     * @throws SnapshotException if the hypervisor or a device does not take it
     */
    void restore(GuestStart.Continue from) {
        MachineState state = from.state();
        long later = from.later().toNanos();
        try {
            if (state.clockNanos().isPresent() && vm.supports(Capability.PARAVIRTUAL_CLOCK)) {
                vm.clockNanos(state.clockNanos().getAsLong() + later);
            }
            boolean moved = !state.hypervisor().equals(plan.hypervisor().name());
            for (Vcpu vcpu : vcpus) restore(state.vcpus().get(vcpu.index()), vcpu, moved, later);
            parts.restore(state.devices());
        } catch (HypervisorException | IllegalArgumentException e) {
            throw new SnapshotException(
                    "snapshot of a machine on %s: %s does not continue it: %s"
                            .formatted(state.hypervisor(), plan.hypervisor().name(), e.getMessage()),
                    e);
        }
    }

    /** One that comes from another hypervisor leaves behind the MSRs that this one does not have. */
    private static void restore(SavedVcpu saved, Vcpu vcpu, boolean moved, long later) {
        VcpuState state = saved.state().withLaterTimeStamp(new TscFrequency(vcpu.tscKhz()).ticks(later));
        (moved ? state.withMsrs(vcpu.msrIndices()) : state).restore(vcpu);
    }
}
