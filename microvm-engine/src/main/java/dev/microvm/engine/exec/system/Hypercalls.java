package dev.microvm.engine.exec.system;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Feature;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;

/**
 * VMCALL and VMMCALL: calls of KVM's paravirtual interface, where CPUID says that it is there.
 *
 * <p>Both instructions work on every processor, as in KVM, so that a guest may use either. Source:
 * Linux Documentation/virt/kvm/x86/hypercalls.rst; include/uapi/linux/kvm_para.h for numbers; Linux
 * arch/x86/kvm/x86.c, kvm_emulate_hypercall, for what is checked first.
 */
public final class Hypercalls {
    private static final int VAPIC_POLL_IRQ = 1;
    private static final int SEND_IPI = 10;

    private static final long NOT_PERMITTED = -1; // -KVM_EPERM
    private static final long INVALID = -22; // -KVM_EINVAL
    private static final long UNKNOWN = -1000; // -KVM_ENOSYS

    private static final long LOW_HALF = 0xFFFF_FFFFL;

    // What SEND_IPI does not take of an interrupt command: Intel SDM vol. 3A, figure 11-12
    private static final long LOGICAL_OR_SHORTHAND = 1 << 11 | 0b11 << 18;

    private Hypercalls() {}

    /** Does the call whose number is in RAX, with parameters in RBX, RCX, RDX and RSI. */
    public static void call(Cpu cpu, Instruction at) {
        if (!cpu.features().speaksKvm()) throw cpu.fault(Vectors.UD, at);
        boolean wide = cpu.mode() == CodeMode.BITS_64;
        long result = cpu.cpl == 0 ? call(cpu, wide ? -1L : LOW_HALF) : NOT_PERMITTED;
        cpu.r[Cpu.RAX] = wide ? result : result & LOW_HALF;
    }

    private static long call(Cpu cpu, long mask) {
        long number = cpu.r[Cpu.RAX] & mask;
        if (number == VAPIC_POLL_IRQ) return 0; // there is nothing to poll for: interrupts come by themselves
        if (number == SEND_IPI && cpu.features().has(Feature.KVM_PV_IPI)) return sendIpi(cpu, mask);
        return UNKNOWN;
    }

    /**
     * Sends an interrupt to the processors of two bitmaps, which follow one another from an APIC ID
     * on; returns how many took it.
     */
    private static long sendIpi(Cpu cpu, long mask) {
        long first = cpu.r[Cpu.RDX] & mask;
        long command = cpu.r[Cpu.RSI] & mask;
        if ((command & LOGICAL_OR_SHORTHAND) != 0) return INVALID;
        int width = Long.bitCount(mask);
        long low = cpu.platform().sendInterrupt(cpu.r[Cpu.RBX] & mask, first, (int) command);
        return low + cpu.platform().sendInterrupt(cpu.r[Cpu.RCX] & mask, first + width, (int) command);
    }
}
