package dev.microvm.examples;

import dev.microvm.hypervisor.InterruptMode;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuExit;
import dev.microvm.hypervisor.VirtualMachine;
import dev.microvm.memory.GuestMemory;
import dev.microvm.memory.GuestMemoryRegion;
import java.util.List;

/**
 * Lesson 1: a virtual machine is memory and a CPU. It adds 40 and 2, halts, and shows its
 * registers.
 */
public final class FirstInstruction {
    private static final long PAGE = 4096;
    private static final byte[] PROGRAM = MachineCode.of("""
            b8 28 00  mov ax, 40
            83 c0 02  add ax, 2
            f4        hlt
            """);

    private FirstInstruction() {}

    /** Runs three instructions. */
    public static void main(String[] args) {
        try (VirtualMachine vm = TinyMachine.hypervisor().createVm("first", InterruptMode.USERSPACE)) {
            // One page of host memory becomes the guest's memory, from address 0.
            GuestMemoryRegion page = new GuestMemoryRegion(0, vm.allocate(PAGE), false);
            vm.map(0, page);
            new GuestMemory(List.of(page)).write(0, PROGRAM);

            // A CPU starts in real mode at the reset vector, just below 4 GiB. Ours starts at 0.
            Vcpu vcpu = vm.createVcpu(0);
            SegmentRegister code = SegmentRegister.realMode(0, SegmentRegister.TYPE_CODE);
            SegmentRegister data = SegmentRegister.realMode(0, SegmentRegister.TYPE_DATA);
            vcpu.specialRegisters(vcpu.specialRegisters().withSegments(code, data));
            vcpu.registers(Registers.ZERO.withRip(0));

            // It runs until something happens that it cannot do by itself: here, HLT.
            VcpuExit exit = vcpu.run(NoDevices.HANDLER);

            System.out.println("exit: " + exit);
            System.out.println(vcpu.registers());
            System.out.println("40 + 2 = " + vcpu.registers().rax());
        }
    }
}
