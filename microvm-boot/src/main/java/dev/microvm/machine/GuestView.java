package dev.microvm.machine;

import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.memory.GuestMemory;
import dev.microvm.vcpu.StepEnd;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * Registers and memory of a paused guest, in values, and single steps. For one thread at a time, while the machine is
 * paused; a vCPU that does not exist is an {@link IndexOutOfBoundsException}.
 */
public final class GuestView {
    private final List<Vcpu> vcpus;
    private final GuestMemory memory;
    private final long memorySize;
    private final MachinePause pause;

    GuestView(List<Vcpu> vcpus, GuestMemory memory, long memorySize, MachinePause pause) {
        this.vcpus = List.copyOf(vcpus);
        this.memory = memory;
        this.memorySize = memorySize;
        this.pause = pause;
    }

    /** Returns the general registers of a vCPU. */
    public Registers registers(int vcpu) {
        return vcpus.get(vcpu).registers();
    }

    /** Sets the general registers of a vCPU. */
    public void registers(int vcpu, Registers values) {
        vcpus.get(vcpu).registers(values);
    }

    /** Returns segments, tables and control registers of a vCPU. */
    public SpecialRegisters specialRegisters(int vcpu) {
        return vcpus.get(vcpu).specialRegisters();
    }

    /** Runs one instruction of a vCPU. */
    public StepEnd step(int vcpu) {
        return pause.step(vcpu);
    }

    /** Translates a linear address: {@link Vcpu#translate}. */
    public long translate(int vcpu, long linearAddress) {
        return vcpus.get(vcpu).translate(linearAddress);
    }

    /** Returns the size of RAM in bytes. */
    public long memorySize() {
        return memorySize;
    }

    /** Copies guest memory into a new array. */
    public byte[] read(long gpa, int length) {
        byte[] bytes = new byte[length];
        MemorySegment.ofArray(bytes).copyFrom(memory.slice(gpa, length));
        return bytes;
    }

    /** Copies an array to guest memory. */
    public void write(long gpa, byte[] bytes) {
        memory.write(gpa, bytes);
    }
}
