package dev.microvm.examples;

import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.NoDevices;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.Vcpu;
import java.util.List;

/** Lesson 2: a CPU, one instruction at a time, as a debugger sees it. */
public final class SingleSteps {
    private static final int HLT = 0xf4;
    private static final byte[] PROGRAM = MachineCode.of("""
            b9 03 00  1000: mov cx, 3
            01 c8     1003: add ax, cx
            e2 fc     1005: loop 1003h
            f4        1007: hlt
            """);

    private SingleSteps() {}

    /** Steps through a loop that adds 3, 2 and 1. */
    public static void main(String[] args) {
        try (TinyMachine machine = new TinyMachine(TinyMachine.hypervisor(), PROGRAM)) {
            Vcpu vcpu = machine.vcpu();
            vcpu.debug(new GuestDebug(true, false, List.of())); // run() returns DEBUG after each instruction

            System.out.println("next    ax  cx");
            Registers now = vcpu.registers();
            while (machine.memory().getByte(now.rip()) != HLT) {
                System.out.printf("%4x  %4d %3d%n", now.rip(), now.rax(), now.rcx());
                vcpu.run(NoDevices.HANDLER);
                now = vcpu.registers();
            }
            System.out.printf(
                    "%4x  %4d %3d   hlt: there is no next step without an interrupt%n",
                    now.rip(), now.rax(), now.rcx());
        }
    }
}
