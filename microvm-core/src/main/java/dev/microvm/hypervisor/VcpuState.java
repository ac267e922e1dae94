package dev.microvm.hypervisor;

import static dev.microvm.hypervisor.MsrNumbers.IA32_TIME_STAMP_COUNTER;

import dev.microvm.state.DeviceState;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;

/**
 * The complete state of a vCPU. Another vCPU of the same hypervisor, with the same CPUID table and
 * memory, can continue from it. It does not contain the state of the machine:
 * {@link VirtualMachine#clockNanos}, routes, memory.
 *
 * @param lapic registers of the local APIC; null in {@link InterruptMode#USERSPACE}
 * @param msrs values of {@link Vcpu#msrIndices}, in the order in which they are restored
 */
public record VcpuState(
        Registers registers,
        SpecialRegisters specialRegisters,
        FpuState fpu,
        DebugRegisters debugRegisters,
        @Nullable LapicState lapic,
        List<MsrEntry> msrs,
        VcpuEvents events,
        ActivityState activity) {
    /** Copies the list. */
    public VcpuState {
        Objects.requireNonNull(registers, "registers");
        Objects.requireNonNull(specialRegisters, "specialRegisters");
        Objects.requireNonNull(fpu, "fpu");
        Objects.requireNonNull(debugRegisters, "debugRegisters");
        Objects.requireNonNull(msrs, "msrs");
        Objects.requireNonNull(events, "events");
        Objects.requireNonNull(activity, "activity");
        msrs = List.copyOf(msrs);
    }

    /**
     * Reads the state of a vCPU that is not running. Time continues during the call. Therefore the
     * TSC deadline, an MSR, is read before the local APIC: if the timer expires between the two
     * reads, the state has both the deadline and the pending interrupt, so the interrupt is not
     * lost. The activity is read first of all, because reading it makes KVM accept an INIT or a
     * start-up IPI that is pending, which changes registers.
     */
    public static VcpuState of(Vcpu vcpu, InterruptMode interruptMode) {
        Objects.requireNonNull(vcpu, "vcpu");
        Objects.requireNonNull(interruptMode, "interruptMode");
        ActivityState activity = vcpu.activity();
        List<MsrEntry> msrs = vcpu.msrs(vcpu.msrIndices());
        return new VcpuState(
                vcpu.registers(),
                vcpu.specialRegisters(),
                vcpu.fpuState(),
                vcpu.debugRegisters(),
                interruptMode == InterruptMode.USERSPACE ? null : vcpu.lapic(),
                msrs,
                vcpu.events(),
                activity);
    }

    /** Returns the same with a time-stamp counter that is {@code ticks} further on. */
    public VcpuState withLaterTimeStamp(long ticks) {
        List<MsrEntry> later = msrs.stream()
                .map(msr ->
                        msr.index() == IA32_TIME_STAMP_COUNTER ? new MsrEntry(msr.index(), msr.value() + ticks) : msr)
                .toList();
        return new VcpuState(registers, specialRegisters, fpu, debugRegisters, lapic, later, events, activity);
    }

    /** Returns the same with those of its MSRs alone that have one of some numbers. */
    public VcpuState withMsrs(int... indices) {
        Objects.requireNonNull(indices, "indices");
        Set<Integer> kept = Arrays.stream(indices).boxed().collect(Collectors.toSet());
        List<MsrEntry> some =
                msrs.stream().filter(msr -> kept.contains(msr.index())).toList();
        return new VcpuState(registers, specialRegisters, fpu, debugRegisters, lapic, some, events, activity);
    }

    /**
     * Reads a state that {@link #save} returned, in this or an earlier version.
     *
     * @throws IllegalArgumentException if its type is different, its version or a field is unknown,
     *     a field is missing, or a value is out of range
     */
    public static VcpuState from(DeviceState stored) {
        Objects.requireNonNull(stored, "stored");
        return StoredVcpuState.read(stored);
    }

    /** Returns the state as named fields, which can be written to a file. */
    public DeviceState save() {
        return StoredVcpuState.write(this);
    }

    /**
     * Restores the state into a vCPU that is not running. The memory of the machine must be mapped
     * before.
     *
     * @throws HypervisorException if the hypervisor refuses a value
     */
    public void restore(Vcpu vcpu) {
        Objects.requireNonNull(vcpu, "vcpu");
        vcpu.specialRegisters(specialRegisters); // first: they hold the mode and base of the local APIC
        vcpu.registers(registers);
        vcpu.fpuState(fpu);
        vcpu.debugRegisters(debugRegisters);
        if (lapic != null) vcpu.lapic(lapic);
        vcpu.msrs(msrs); // after the APIC: a deadline needs the APIC's timer mode
        vcpu.events(events);
        vcpu.activity(activity);
    }
}
