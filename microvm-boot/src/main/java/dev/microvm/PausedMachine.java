package dev.microvm;

import dev.microvm.error.MicroVmException;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.machine.GuestView;
import dev.microvm.machine.MachineLifecycle;
import dev.microvm.memory.GuestMemoryException;
import dev.microvm.vcpu.StepEnd;
import java.util.Objects;

/**
 * A paused guest, to look into and to change: the registers of its vCPUs and its memory. Returned by
 * {@link MicroVm#pause}.
 *
 * <p>Any thread may call. After {@link MicroVm#resume} or the end of the machine all methods throw
 * {@link IllegalStateException}; a later pause gives another object. A vCPU's number is from 0; one
 * that does not exist is an {@link IndexOutOfBoundsException}.
 */
public final class PausedMachine {
    private final MachineLifecycle runs;
    private final long pause; // its number

    PausedMachine(MachineLifecycle runs, long pause) {
        this.runs = runs;
        this.pause = pause;
    }

    /** Returns the general registers, RIP and RFLAGS of a vCPU: what it will run next. */
    public Registers registers(int vcpu) {
        return runs.whilePaused(pause, guest -> guest.registers(vcpu));
    }

    /** Sets the general registers, RIP and RFLAGS of a vCPU. */
    public void registers(int vcpu, Registers values) {
        Objects.requireNonNull(values, "values");
        runs.whilePaused(pause, guest -> {
            guest.registers(vcpu, values);
            return this;
        });
    }

    /** Returns segments, descriptor tables and control registers of a vCPU. */
    public SpecialRegisters specialRegisters(int vcpu) {
        return runs.whilePaused(pause, guest -> guest.specialRegisters(vcpu));
    }

    /**
     * Runs one instruction of a vCPU. Time, devices and the other vCPUs stand still: an access to a
     * device is served, but what the device does of itself waits for {@link MicroVm#resume}.
     *
     * @return how it ended; {@link StepEnd#WAITING} if the vCPU has halted, so that nothing can run
     * @throws MicroVmException if the instruction takes more than 10 s, because a device blocks
     */
    public StepEnd step(int vcpu) {
        return runs.whilePaused(pause, guest -> guest.step(vcpu));
    }

    /**
     * Translates a linear address as a vCPU's page tables do now: {@link Vcpu#translate}.
     *
     * @return the guest-physical address, or {@link Vcpu#NOT_MAPPED}
     */
    public long translate(int vcpu, long linearAddress) {
        return runs.whilePaused(pause, guest -> guest.translate(vcpu, linearAddress));
    }

    /**
     * Returns the size of the guest's RAM in bytes. It begins at address 0; what is above 3 GiB is
     * from 4 GiB on.
     */
    public long memorySize() {
        return runs.whilePaused(pause, GuestView::memorySize);
    }

    /**
     * Reads guest memory.
     *
     * @param gpa guest-physical address
     * @param length bytes
     * @throws GuestMemoryException if not all of it is RAM or ROM
     * @throws IllegalArgumentException if the length is negative
     */
    public byte[] read(long gpa, int length) {
        if (length < 0) throw new IllegalArgumentException("length: must not be negative, was " + length);
        return runs.whilePaused(pause, guest -> guest.read(gpa, length));
    }

    /**
     * Writes guest memory.
     *
     * @param gpa guest-physical address
     * @throws GuestMemoryException if not all of it is RAM or ROM; then nothing is written
     */
    public void write(long gpa, byte[] bytes) {
        Objects.requireNonNull(bytes, "bytes");
        runs.whilePaused(pause, guest -> {
            guest.write(gpa, bytes);
            return this;
        });
    }
}
