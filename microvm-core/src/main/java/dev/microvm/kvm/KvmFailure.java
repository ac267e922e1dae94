package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;

import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuFailedException;
import java.util.HexFormat;

/** Puts into words why a vCPU cannot go on, with what one needs to find out more. */
final class KvmFailure {
    private static final int CODE_BYTES = 16; // an instruction has at most 15: Intel SDM vol. 2A, 2.3.11

    private KvmFailure() {}

    /** The reason of an exit after which the guest cannot go on. */
    static String reason(KvmRun run) {
        return switch (run.exitReason()) {
            case KVM_EXIT_INTERNAL_ERROR -> internalError(run);
            case KVM_EXIT_FAIL_ENTRY ->
                "KVM_EXIT_FAIL_ENTRY: the CPU refused the guest's state, hardware reason 0x%x"
                        .formatted(run.hardwareExitReason());
            case KVM_EXIT_UNKNOWN -> "KVM_EXIT_UNKNOWN: hardware exit reason 0x%x".formatted(run.hardwareExitReason());
            default -> "unexpected KVM exit " + run.exitReason();
        };
    }

    private static String internalError(KvmRun run) {
        int suberror = run.internalSuberror();
        String meaning = switch (suberror) {
            case KVM_INTERNAL_ERROR_EMULATION -> "KVM cannot emulate an instruction";
            case KVM_INTERNAL_ERROR_SIMUL_EX -> "an exception struck during the delivery of another";
            case KVM_INTERNAL_ERROR_DELIVERY_EV -> "an exit struck during the delivery of an event";
            case KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON -> "the CPU gave an exit that KVM does not know";
            default -> "no meaning known";
        };
        StringBuilder text =
                new StringBuilder("KVM_EXIT_INTERNAL_ERROR suberror %d: %s; data".formatted(suberror, meaning));
        for (long data : run.internalData()) text.append(" %x".formatted(data));
        return text.toString();
    }

    /**
     * The exception for {@code reason}, with registers and the bytes at the instruction pointer.
     */
    static VcpuFailedException of(KvmVcpu vcpu, KvmVirtualMachine machine, String reason) {
        StringBuilder text = new StringBuilder("vCPU %d stopped: %s".formatted(vcpu.index(), reason));
        boolean noMemory = false;
        try {
            Registers registers = vcpu.registers();
            SpecialRegisters special = vcpu.specialRegisters();
            text.append('\n').append(registers).append('\n').append(special);
            long linear = registers.rip() + special.cs().base();
            long gpa = vcpu.translate(linear);
            byte[] code = gpa == Vcpu.NOT_MAPPED ? new byte[0] : machine.peek(gpa, CODE_BYTES);
            noMemory = gpa != Vcpu.NOT_MAPPED && code.length == 0;
            if (noMemory) text.append("\nthe guest runs code at 0x%x, where there is no memory".formatted(gpa));
            text.append("\nbytes at RIP (linear 0x%x): ".formatted(linear))
                    .append(
                            code.length == 0
                                    ? "not mapped"
                                    : HexFormat.ofDelimiter(" ").formatHex(code));
        } catch (HypervisorException e) {
            text.append("\nregisters cannot be read: ").append(e.getMessage());
        }
        return new VcpuFailedException(text.toString(), noMemory);
    }
}
