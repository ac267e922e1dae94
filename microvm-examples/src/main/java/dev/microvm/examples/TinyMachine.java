package dev.microvm.examples;

import dev.microvm.hypervisor.Hypervisor;
import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.util.Comparator;
import java.util.List;

/**
 * The machine that {@link FirstInstruction} puts together, for the lessons after it: one vCPU in
 * real mode and 1 MiB of memory, with a program at {@link #START} that is about to run.
 */
final class TinyMachine implements AutoCloseable {
    /** Where programs are in memory, and where the vCPU starts. */
    static final long START = 0x1000;

    /** Size of the memory in bytes; it begins at address 0. */
    static final long MEMORY_SIZE = 1 << 20;

    private final VirtualMachine vm;
    private final GuestMemory memory;
    private final Vcpu vcpu;

    TinyMachine(Hypervisor hypervisor, byte[] program) {
        vm = hypervisor.createVm("lesson", InterruptMode.USERSPACE);
        GuestMemoryRegion ram = new GuestMemoryRegion(0, vm.allocate(MEMORY_SIZE), false);
        vm.map(0, ram);
        memory = new GuestMemory(List.of(ram));
        memory.write(START, program);
        vcpu = vm.createVcpu(0);
        vcpu.cpuid(vm.supportedCpuid());
        vcpu.specialRegisters(vcpu.specialRegisters()
                .withSegments(
                        SegmentRegister.realMode(0, SegmentRegister.TYPE_CODE),
                        SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA)));
        vcpu.registers(Registers.ZERO.withRip(START));
    }

    /**
     * Returns KVM if this host has it, else the CPU written in Java, and says which. The system
     * property {@code microvm.hypervisor} ({@code kvm}, {@code engine}) decides otherwise.
     */
    static Hypervisor hypervisor() {
        String wanted = System.getProperty("microvm.hypervisor", "auto");
        Hypervisor chosen = Hypervisor.installed().stream()
                .filter(each -> wanted.equals("auto") || each.name().equals(wanted))
                .filter(each -> each.probe().usable())
                .max(Comparator.comparing(each -> each.name().equals("kvm")))
                .orElseThrow(() -> new IllegalStateException("no hypervisor for microvm.hypervisor=" + wanted));
        System.out.println("hypervisor: " + chosen.name());
        return chosen;
    }

    VirtualMachine vm() {
        return vm;
    }

    GuestMemory memory() {
        return memory;
    }

    Vcpu vcpu() {
        return vcpu;
    }

    @Override
    public void close() {
        vm.close();
    }
}
