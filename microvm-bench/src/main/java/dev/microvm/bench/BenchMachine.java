package dev.microvm.bench;

import dev.microvm.bus.BusDevice;
import dev.microvm.bus.IoBuses;
import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A machine of one vCPU and 16 MiB, with the hypervisor's interrupt controllers, that runs one
 * program in flat 32-bit protected mode. {@code src/main/c/machine.h} makes the same machine in C:
 * keep them equal.
 */
final class BenchMachine implements AutoCloseable {
    static final int EXIT_PORT = 0xf4;
    static final int DEVICE_PORT = 0x500;
    static final long DEVICE_MMIO = 0xd000_0000L;

    private static final long ORIGIN = 0x1000;
    private static final long MEMORY_SIZE = 16 << 20;
    private static final int CODE_SELECTOR = 0x8;
    private static final int DATA_SELECTOR = 0x10;

    private final VirtualMachine vm;
    private final GuestMemoryRegion memory;
    private final Vcpu vcpu;
    private final IoBuses buses = new IoBuses();

    BenchMachine(Hypervisor hypervisor, byte[] program) {
        vm = hypervisor.createVm("bench", InterruptMode.KERNEL);
        memory = new GuestMemoryRegion(0, vm.allocate(MEMORY_SIZE), false);
        new GuestMemory(List.of(memory)).write(ORIGIN, program);
        vm.map(0, memory);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(vm.supportedCpuid());
        SpecialRegisters reset = vcpu.specialRegisters();
        vcpu.specialRegisters(reset.withSegments(
                        SegmentRegister.flat32(CODE_SELECTOR, SegmentRegister.TYPE_CODE),
                        SegmentRegister.flat32(DATA_SELECTOR, SegmentRegister.TYPE_DATA))
                .withControl(reset.cr0() | SpecialRegisters.CR0_PE, 0, 0, 0));
        buses.ports().add(EXIT_PORT, 1, "exit", new ExitDevice(vcpu));
    }

    /** Returns KVM of this host. */
    static Hypervisor kvm() {
        return Hypervisor.installed().stream()
                .filter(h -> h.name().equals("kvm"))
                .findFirst()
                .orElseThrow();
    }

    IoBuses buses() {
        return buses;
    }

    Vcpu vcpu() {
        return vcpu;
    }

    MemorySegment memory() {
        return memory.segment();
    }

    /** Sets the start state: RIP is the program's origin, RBX and RCX have the given values. */
    void start(long rbx, long rcx) {
        vcpu.registers(Registers.ZERO.withRip(ORIGIN).withRbx(rbx).withRcx(rcx));
    }

    /** Runs until the guest writes to its exit port. */
    void runToEnd() {
        VcpuExit exit = vcpu.run(buses);
        if (exit != VcpuExit.KICKED) throw new IllegalStateException("the guest ended with " + exit);
    }

    @Override
    public void close() {
        vm.close();
    }

    /** A device that stops the vCPU that writes to it. */
    private record ExitDevice(Vcpu vcpu) implements BusDevice {
        @Override
        public long read(long offset, int size) {
            return 0;
        }

        @Override
        public void write(long offset, int size, long value) {
            vcpu.kick();
        }
    }
}
