package dev.microvm.hypervisor;

import dev.microvm.state.DeviceState;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * All that a vCPU is, so that another one of the same hypervisor, with the same CPUID table and memory, can go on as this
 * one. What belongs to the machine comes beside it: {@link VirtualMachine#clockNanos}, routes, memory.
 *
 * @param lapic null in {@link InterruptMode#USERSPACE}
 * @param msrs those of {@link Vcpu#msrIndices}
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
    /** Takes a copy. */
    public VcpuState {
        msrs = List.copyOf(msrs);
    }

    /**
     * The state of a vCPU that nobody runs. Time goes on meanwhile: the local APIC is read after its timer's deadline, an
     * MSR, so that a timer that expires between the two is in both and its interrupt, pending once, is not lost.
     */
    public static VcpuState of(Vcpu vcpu, InterruptMode interruptMode) {
        List<MsrEntry> msrs = vcpu.msrs(vcpu.msrIndices());
        return new VcpuState(
                vcpu.registers(),
                vcpu.specialRegisters(),
                vcpu.fpuState(),
                vcpu.debugRegisters(),
                interruptMode == InterruptMode.USERSPACE ? null : vcpu.lapic(),
                msrs,
                vcpu.events(),
                vcpu.activity());
    }

    /**
     * Reads a state that {@link #save} gave, in this or an earlier version.
     *
     * @throws IllegalArgumentException if it is of another type or an unknown version, lacks a field or has an unknown
     *     one, or if a value is out of range
     */
    public static VcpuState from(DeviceState stored) {
        return StoredVcpuState.read(stored);
    }

    /** The state as named fields, which can be written to a file. */
    public DeviceState save() {
        return StoredVcpuState.write(this);
    }

    /**
     * Puts the state into a vCPU that nobody runs; its memory must be there.
     *
     * @throws HypervisorException if the hypervisor refuses a value
     */
    public void restore(Vcpu vcpu) {
        vcpu.specialRegisters(specialRegisters); // first: they say how the local APIC is reached
        vcpu.registers(registers);
        vcpu.fpuState(fpu);
        vcpu.debugRegisters(debugRegisters);
        if (lapic != null) vcpu.lapic(lapic);
        vcpu.msrs(msrs); // after the APIC, whose timer's mode a deadline needs
        vcpu.events(events);
        vcpu.activity(activity);
    }
}
