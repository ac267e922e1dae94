package dev.microvm.kvm;

import static dev.microvm.kvm.generated.kvm_h.*;
import static java.lang.foreign.ValueLayout.JAVA_BYTE;

import dev.microvm.hypervisor.ActivityState;
import dev.microvm.hypervisor.Breakpoint;
import dev.microvm.hypervisor.DebugRegisters;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.GuestDebug;
import dev.microvm.hypervisor.LapicState;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.Vcpu;
import dev.microvm.hypervisor.VcpuEvents;
import dev.microvm.kvm.generated.kvm_debugregs;
import dev.microvm.kvm.generated.kvm_dtable;
import dev.microvm.kvm.generated.kvm_guest_debug;
import dev.microvm.kvm.generated.kvm_guest_debug_arch;
import dev.microvm.kvm.generated.kvm_lapic_state;
import dev.microvm.kvm.generated.kvm_mp_state;
import dev.microvm.kvm.generated.kvm_regs;
import dev.microvm.kvm.generated.kvm_segment;
import dev.microvm.kvm.generated.kvm_sregs;
import dev.microvm.kvm.generated.kvm_translation;
import dev.microvm.kvm.generated.kvm_vcpu_events;
import dev.microvm.kvm.generated.kvm_xcr;
import dev.microvm.kvm.generated.kvm_xcrs;
import dev.microvm.kvm.generated.kvm_xsave;
import dev.microvm.linux.FileDescriptor;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.List;

/**
 * A vCPU's state between the neutral records of the SPI and KVM's structs: a pair of methods for
 * each ioctl pair.
 */
final class KvmState {
    private static final int DR7 = 7;
    private static final long DR7_FIXED = 0x400; // Intel SDM vol. 3B, figure 18-1
    private static final int XCR0 = 0; // number of the register in struct kvm_xcr

    private final FileDescriptor vcpu;

    KvmState(FileDescriptor vcpu) {
        this.vcpu = vcpu;
    }

    /** Sets what a debugger wants. */
    void debug(GuestDebug wanted) {
        List<Breakpoint> breakpoints = wanted.breakpoints();
        try (Arena call = Arena.ofConfined()) {
            MemorySegment debug = kvm_guest_debug.allocate(call);
            int control = (wanted.singleStep() ? KVM_GUESTDBG_SINGLESTEP : 0)
                    | (wanted.softwareBreakpoints() ? KVM_GUESTDBG_USE_SW_BP : 0)
                    | (breakpoints.isEmpty() ? 0 : KVM_GUESTDBG_USE_HW_BP);
            kvm_guest_debug.control(debug, control == 0 ? 0 : control | KVM_GUESTDBG_ENABLE);
            MemorySegment arch = kvm_guest_debug.arch(debug);
            long dr7 = DR7_FIXED;
            for (int i = 0; i < breakpoints.size(); i++) {
                Breakpoint each = breakpoints.get(i);
                kvm_guest_debug_arch.debugreg(arch, i, each.address());
                dr7 |= enabled(each, i);
            }
            kvm_guest_debug_arch.debugreg(arch, DR7, dr7);
            KvmRequest.SET_GUEST_DEBUG.call(vcpu, debug);
        }
    }

    /** DR7's fields of the nth breakpoint: Intel SDM vol. 3B, figure 18-1. */
    private static long enabled(Breakpoint breakpoint, int n) {
        int type = switch (breakpoint.kind()) {
            case EXECUTE -> 0;
            case WRITE -> 1;
            case READ_WRITE -> 3;
        };
        int length = breakpoint.length() == 8 ? 2 : breakpoint.length() - 1;
        return 2L << (2 * n) | (long) (length << 2 | type) << (16 + 4 * n);
    }

    Registers registers() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment r = kvm_regs.allocate(call);
            KvmRequest.GET_REGS.call(vcpu, r);
            return new Registers(
                    kvm_regs.rax(r),
                    kvm_regs.rbx(r),
                    kvm_regs.rcx(r),
                    kvm_regs.rdx(r),
                    kvm_regs.rsi(r),
                    kvm_regs.rdi(r),
                    kvm_regs.rsp(r),
                    kvm_regs.rbp(r),
                    kvm_regs.r8(r),
                    kvm_regs.r9(r),
                    kvm_regs.r10(r),
                    kvm_regs.r11(r),
                    kvm_regs.r12(r),
                    kvm_regs.r13(r),
                    kvm_regs.r14(r),
                    kvm_regs.r15(r),
                    kvm_regs.rip(r),
                    kvm_regs.rflags(r));
        }
    }

    void registers(Registers from) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment r = kvm_regs.allocate(call);
            kvm_regs.rax(r, from.rax());
            kvm_regs.rbx(r, from.rbx());
            kvm_regs.rcx(r, from.rcx());
            kvm_regs.rdx(r, from.rdx());
            kvm_regs.rsi(r, from.rsi());
            kvm_regs.rdi(r, from.rdi());
            kvm_regs.rsp(r, from.rsp());
            kvm_regs.rbp(r, from.rbp());
            kvm_regs.r8(r, from.r8());
            kvm_regs.r9(r, from.r9());
            kvm_regs.r10(r, from.r10());
            kvm_regs.r11(r, from.r11());
            kvm_regs.r12(r, from.r12());
            kvm_regs.r13(r, from.r13());
            kvm_regs.r14(r, from.r14());
            kvm_regs.r15(r, from.r15());
            kvm_regs.rip(r, from.rip());
            kvm_regs.rflags(r, from.rflags());
            KvmRequest.SET_REGS.call(vcpu, r);
        }
    }

    SpecialRegisters specialRegisters() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment s = kvm_sregs.allocate(call);
            KvmRequest.GET_SREGS.call(vcpu, s);
            return new SpecialRegisters(
                    segment(kvm_sregs.cs(s)),
                    segment(kvm_sregs.ds(s)),
                    segment(kvm_sregs.es(s)),
                    segment(kvm_sregs.fs(s)),
                    segment(kvm_sregs.gs(s)),
                    segment(kvm_sregs.ss(s)),
                    segment(kvm_sregs.tr(s)),
                    segment(kvm_sregs.ldt(s)),
                    table(kvm_sregs.gdt(s)),
                    table(kvm_sregs.idt(s)),
                    kvm_sregs.cr0(s),
                    kvm_sregs.cr2(s),
                    kvm_sregs.cr3(s),
                    kvm_sregs.cr4(s),
                    kvm_sregs.cr8(s),
                    kvm_sregs.efer(s),
                    kvm_sregs.apic_base(s));
        }
    }

    /**
     * KVM's interrupt bitmap stays empty: an interrupt on its way is part of {@link VcpuEvents}.
     */
    void specialRegisters(SpecialRegisters from) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment s = kvm_sregs.allocate(call);
            segment(kvm_sregs.cs(s), from.cs());
            segment(kvm_sregs.ds(s), from.ds());
            segment(kvm_sregs.es(s), from.es());
            segment(kvm_sregs.fs(s), from.fs());
            segment(kvm_sregs.gs(s), from.gs());
            segment(kvm_sregs.ss(s), from.ss());
            segment(kvm_sregs.tr(s), from.tr());
            segment(kvm_sregs.ldt(s), from.ldt());
            table(kvm_sregs.gdt(s), from.gdt());
            table(kvm_sregs.idt(s), from.idt());
            kvm_sregs.cr0(s, from.cr0());
            kvm_sregs.cr2(s, from.cr2());
            kvm_sregs.cr3(s, from.cr3());
            kvm_sregs.cr4(s, from.cr4());
            kvm_sregs.cr8(s, from.cr8());
            kvm_sregs.efer(s, from.efer());
            kvm_sregs.apic_base(s, from.apicBase());
            KvmRequest.SET_SREGS.call(vcpu, s);
        }
    }

    private static SegmentRegister segment(MemorySegment s) {
        return new SegmentRegister(
                kvm_segment.base(s),
                kvm_segment.limit(s),
                Short.toUnsignedInt(kvm_segment.selector(s)),
                kvm_segment.type(s),
                kvm_segment.present(s) != 0,
                kvm_segment.dpl(s),
                kvm_segment.db(s) != 0,
                kvm_segment.s(s) != 0,
                kvm_segment.l(s) != 0,
                kvm_segment.g(s) != 0,
                kvm_segment.avl(s) != 0,
                kvm_segment.unusable(s) != 0);
    }

    private static void segment(MemorySegment s, SegmentRegister from) {
        kvm_segment.base(s, from.base());
        kvm_segment.limit(s, from.limit());
        kvm_segment.selector(s, (short) from.selector());
        kvm_segment.type(s, (byte) from.type());
        kvm_segment.present(s, bit(from.present()));
        kvm_segment.dpl(s, (byte) from.dpl());
        kvm_segment.db(s, bit(from.db()));
        kvm_segment.s(s, bit(from.codeOrData()));
        kvm_segment.l(s, bit(from.longMode()));
        kvm_segment.g(s, bit(from.granularity()));
        kvm_segment.avl(s, bit(from.available()));
        kvm_segment.unusable(s, bit(from.unusable()));
    }

    private static DescriptorTable table(MemorySegment t) {
        return new DescriptorTable(kvm_dtable.base(t), Short.toUnsignedInt(kvm_dtable.limit(t)));
    }

    private static void table(MemorySegment t, DescriptorTable from) {
        kvm_dtable.base(t, from.base());
        kvm_dtable.limit(t, (short) from.limit());
    }

    FpuState fpuState() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment area = kvm_xsave.allocate(call);
            KvmRequest.GET_XSAVE.call(vcpu, area);
            MemorySegment xcrs = kvm_xcrs.allocate(call);
            KvmRequest.GET_XCRS.call(vcpu, xcrs);
            long xcr0 = 0;
            for (int i = 0; i < kvm_xcrs.nr_xcrs(xcrs); i++) {
                MemorySegment xcr = kvm_xcrs.xcrs(xcrs, i);
                if (kvm_xcr.xcr(xcr) == XCR0) xcr0 = kvm_xcr.value(xcr);
            }
            return new FpuState(area.toArray(JAVA_BYTE), xcr0);
        }
    }

    void fpuState(FpuState from) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment xcrs = kvm_xcrs.allocate(call);
            kvm_xcrs.nr_xcrs(xcrs, 1);
            kvm_xcr.xcr(kvm_xcrs.xcrs(xcrs, 0), XCR0);
            kvm_xcr.value(kvm_xcrs.xcrs(xcrs, 0), from.xcr0());
            KvmRequest.SET_XCRS.call(vcpu, xcrs); // first: it says which parts of the area count
            MemorySegment area = kvm_xsave.allocate(call);
            byte[] bytes = from.xsave();
            if (bytes.length > area.byteSize()) {
                throw new IllegalArgumentException(
                        "XSAVE area of %d bytes; KVM takes %d".formatted(bytes.length, area.byteSize()));
            }
            MemorySegment.copy(bytes, 0, area, JAVA_BYTE, 0, bytes.length);
            KvmRequest.SET_XSAVE.call(vcpu, area);
        }
    }

    DebugRegisters debugRegisters() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment d = kvm_debugregs.allocate(call);
            KvmRequest.GET_DEBUGREGS.call(vcpu, d);
            return new DebugRegisters(
                    kvm_debugregs.db(d, 0),
                    kvm_debugregs.db(d, 1),
                    kvm_debugregs.db(d, 2),
                    kvm_debugregs.db(d, 3),
                    kvm_debugregs.dr6(d),
                    kvm_debugregs.dr7(d));
        }
    }

    void debugRegisters(DebugRegisters from) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment d = kvm_debugregs.allocate(call);
            kvm_debugregs.db(d, 0, from.dr0());
            kvm_debugregs.db(d, 1, from.dr1());
            kvm_debugregs.db(d, 2, from.dr2());
            kvm_debugregs.db(d, 3, from.dr3());
            kvm_debugregs.dr6(d, from.dr6());
            kvm_debugregs.dr7(d, from.dr7());
            KvmRequest.SET_DEBUGREGS.call(vcpu, d);
        }
    }

    VcpuEvents events() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment e = kvm_vcpu_events.allocate(call);
            KvmRequest.GET_VCPU_EVENTS.call(vcpu, e);
            MemorySegment exception = kvm_vcpu_events.exception(e);
            MemorySegment interrupt = kvm_vcpu_events.interrupt(e);
            MemorySegment nmi = kvm_vcpu_events.nmi(e);
            return new VcpuEvents(
                    kvm_vcpu_events.exception.injected(exception) != 0,
                    kvm_vcpu_events.exception.pending(exception) != 0,
                    kvm_vcpu_events.exception.nr(exception) & 0xFF,
                    kvm_vcpu_events.exception.has_error_code(exception) != 0,
                    kvm_vcpu_events.exception.error_code(exception),
                    kvm_vcpu_events.interrupt.injected(interrupt) != 0,
                    kvm_vcpu_events.interrupt.nr(interrupt) & 0xFF,
                    kvm_vcpu_events.interrupt.soft(interrupt) != 0,
                    kvm_vcpu_events.interrupt.shadow(interrupt) & 0xFF,
                    kvm_vcpu_events.nmi.injected(nmi) != 0,
                    kvm_vcpu_events.nmi.pending(nmi) != 0,
                    kvm_vcpu_events.nmi.masked(nmi) != 0,
                    kvm_vcpu_events.sipi_vector(e));
        }
    }

    void events(VcpuEvents from) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment e = kvm_vcpu_events.allocate(call);
            MemorySegment exception = kvm_vcpu_events.exception(e);
            // Without KVM_CAP_EXCEPTION_PAYLOAD a pending exception is given as an injected one: api.rst 4.31.
            kvm_vcpu_events.exception.injected(exception, bit(from.exceptionInjected() || from.exceptionPending()));
            kvm_vcpu_events.exception.nr(exception, (byte) from.exceptionVector());
            kvm_vcpu_events.exception.has_error_code(exception, bit(from.exceptionHasErrorCode()));
            kvm_vcpu_events.exception.error_code(exception, from.exceptionErrorCode());
            MemorySegment interrupt = kvm_vcpu_events.interrupt(e);
            kvm_vcpu_events.interrupt.injected(interrupt, bit(from.interruptInjected()));
            kvm_vcpu_events.interrupt.nr(interrupt, (byte) from.interruptVector());
            kvm_vcpu_events.interrupt.soft(interrupt, bit(from.softInterrupt()));
            kvm_vcpu_events.interrupt.shadow(interrupt, (byte) from.interruptShadow());
            MemorySegment nmi = kvm_vcpu_events.nmi(e);
            kvm_vcpu_events.nmi.injected(nmi, bit(from.nmiInjected()));
            kvm_vcpu_events.nmi.pending(nmi, bit(from.nmiPending()));
            kvm_vcpu_events.nmi.masked(nmi, bit(from.nmiMasked()));
            kvm_vcpu_events.sipi_vector(e, from.sipiVector());
            kvm_vcpu_events.flags(
                    e, KVM_VCPUEVENT_VALID_NMI_PENDING | KVM_VCPUEVENT_VALID_SIPI_VECTOR | KVM_VCPUEVENT_VALID_SHADOW);
            KvmRequest.SET_VCPU_EVENTS.call(vcpu, e);
        }
    }

    ActivityState activity() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment s = kvm_mp_state.allocate(call);
            KvmRequest.GET_MP_STATE.call(vcpu, s);
            return switch (kvm_mp_state.mp_state(s)) {
                case KVM_MP_STATE_UNINITIALIZED -> ActivityState.UNINITIALIZED;
                case KVM_MP_STATE_INIT_RECEIVED -> ActivityState.INIT_RECEIVED;
                case KVM_MP_STATE_HALTED -> ActivityState.HALTED;
                case KVM_MP_STATE_SIPI_RECEIVED -> ActivityState.SIPI_RECEIVED;
                default -> ActivityState.RUNNING;
            };
        }
    }

    void activity(ActivityState state) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment s = kvm_mp_state.allocate(call);
            int value = switch (state) {
                case RUNNING -> KVM_MP_STATE_RUNNABLE;
                case UNINITIALIZED -> KVM_MP_STATE_UNINITIALIZED;
                case INIT_RECEIVED -> KVM_MP_STATE_INIT_RECEIVED;
                case HALTED -> KVM_MP_STATE_HALTED;
                case SIPI_RECEIVED -> KVM_MP_STATE_SIPI_RECEIVED;
            };
            kvm_mp_state.mp_state(s, value);
            KvmRequest.SET_MP_STATE.call(vcpu, s);
        }
    }

    LapicState lapic() {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment l = kvm_lapic_state.allocate(call);
            KvmRequest.GET_LAPIC.call(vcpu, l);
            return new LapicState(l.toArray(JAVA_BYTE));
        }
    }

    void lapic(LapicState from) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment l = kvm_lapic_state.allocate(call);
            l.copyFrom(MemorySegment.ofArray(from.registers()));
            KvmRequest.SET_LAPIC.call(vcpu, l);
        }
    }

    /**
     * The guest-physical address behind a linear one, or {@link Vcpu#NOT_MAPPED}: KVM_TRANSLATE,
     * api.rst 4.15.
     */
    long translate(long linear) {
        try (Arena call = Arena.ofConfined()) {
            MemorySegment t = kvm_translation.allocate(call);
            kvm_translation.linear_address(t, linear);
            KvmRequest.TRANSLATE.call(vcpu, t);
            return kvm_translation.valid(t) != 0 ? kvm_translation.physical_address(t) : Vcpu.NOT_MAPPED;
        }
    }

    private static byte bit(boolean value) {
        return (byte) (value ? 1 : 0);
    }
}
