package dev.microvm.engine;

import dev.microvm.engine.apic.LocalApic;
import dev.microvm.engine.cpu.ControlRegisters;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.GuestFault;
import dev.microvm.engine.cpu.Segment;
import dev.microvm.engine.cpu.XsaveArea;
import dev.microvm.engine.exec.simd.ExtendedState;
import dev.microvm.engine.fpu.X87Images;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.hypervisor.DescriptorTable;
import dev.microvm.hypervisor.FpuState;
import dev.microvm.hypervisor.HypervisorException;
import dev.microvm.hypervisor.MsrEntry;
import dev.microvm.hypervisor.Registers;
import dev.microvm.hypervisor.SegmentRegister;
import dev.microvm.hypervisor.SpecialRegisters;
import dev.microvm.hypervisor.VcpuEvents;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.IntStream;
import org.jspecify.annotations.Nullable;

/** A {@link Cpu}'s state as records of the SPI, and back. */
final class EngineState {
    private static final int NO_VECTOR = -1;
    private static final long DEFAULT_APIC_BASE = 0xFEE0_0900L;

    private final Cpu cpu;
    private final @Nullable LocalApic apic;
    private final EnginePlatform platform;
    private long apicBase = DEFAULT_APIC_BASE; // without an APIC
    private byte[] fpuArea = new byte[XsaveArea.SIZE];

    EngineState(Cpu cpu, @Nullable LocalApic apic, EnginePlatform platform) {
        this.cpu = cpu;
        this.apic = apic;
        this.platform = platform;
    }

    Registers registers() {
        long[] r = cpu.r;
        return new Registers(
                r[0],
                r[3],
                r[1],
                r[2],
                r[6],
                r[7],
                r[4],
                r[5],
                r[8],
                r[9],
                r[10],
                r[11],
                r[12],
                r[13],
                r[14],
                r[15],
                cpu.rip,
                Flags.all(cpu) & 0xFFFF_FFFFL);
    }

    void registers(Registers from) {
        long[] general = {
            from.rax(), from.rcx(), from.rdx(), from.rbx(), from.rsp(), from.rbp(), from.rsi(), from.rdi(),
            from.r8(), from.r9(), from.r10(), from.r11(), from.r12(), from.r13(), from.r14(), from.r15(),
        };
        System.arraycopy(general, 0, cpu.r, 0, general.length);
        cpu.rip = from.rip();
        Flags.all(cpu, (int) from.rflags());
        cpu.updatePrivilege();
    }

    SpecialRegisters specialRegisters() {
        Segment[] s = cpu.segments;
        return new SpecialRegisters(
                s[1].get(),
                s[3].get(),
                s[0].get(),
                s[4].get(),
                s[5].get(),
                s[2].get(),
                cpu.tr.get(),
                cpu.ldtr.get(),
                new DescriptorTable(cpu.gdtBase, cpu.gdtLimit),
                new DescriptorTable(cpu.idtBase, cpu.idtLimit),
                cpu.cr0,
                cpu.cr2,
                cpu.cr3,
                cpu.cr4,
                cpu.platform().taskPriority(),
                cpu.efer,
                apic == null ? apicBase : apic.apicBase());
    }

    void specialRegisters(SpecialRegisters from) {
        SegmentRegister[] segments = {from.es(), from.cs(), from.ss(), from.ds(), from.fs(), from.gs()};
        for (int i = 0; i < segments.length; i++) cpu.segmentation.set(i, segments[i]);
        cpu.tr.set(from.tr());
        cpu.ldtr.set(from.ldt());
        cpu.gdtBase = from.gdt().base();
        cpu.gdtLimit = from.gdt().limit();
        cpu.idtBase = from.idt().base();
        cpu.idtLimit = from.idt().limit();
        cpu.cr0 = from.cr0();
        cpu.cr2 = from.cr2();
        cpu.cr3 = from.cr3();
        cpu.cr4 = from.cr4();
        cpu.efer = from.efer();
        cpu.platform().taskPriority((int) from.cr8());
        apicBase = from.apicBase();
        if (apic != null && apic.apicBase() != apicBase) apic.restoreBase(apicBase);
        cpu.stateChanged();
    }

    /** Where a start-up IPI starts a CPU: Intel SDM vol. 3A, 9.4.4. */
    void startAt(int vector) {
        cpu.segmentation.set(1, SegmentRegister.realMode(vector << 8, SegmentRegister.TYPE_CODE));
        cpu.rip = 0;
        cpu.stateChanged();
    }

    FpuState fpuState() {
        ByteBuffer area = ByteBuffer.wrap(fpuArea).order(ByteOrder.LITTLE_ENDIAN);
        X87Images.storeFx(cpu.fpu, MemorySegment.ofArray(fpuArea), true);
        area.putInt(XsaveArea.MXCSR, cpu.mxcsr.value());
        for (int i = 0; i < Cpu.XMM_WORDS; i++) {
            area.putLong(XsaveArea.XMM0 + i * Long.BYTES, cpu.xmm[i]);
            area.putLong(XsaveArea.YMM + i * Long.BYTES, cpu.xmm[Cpu.YMM_HIGH + i]);
        }
        area.putLong(XsaveArea.XSTATE_BV, area.getLong(XsaveArea.XSTATE_BV) | ExtendedState.inUse(cpu));
        return new FpuState(fpuArea, cpu.xcr0);
    }

    void fpuState(FpuState from) {
        fpuArea = from.xsave();
        if (fpuArea.length < XsaveArea.SIZE) fpuArea = Arrays.copyOf(fpuArea, XsaveArea.SIZE);
        cpu.xcr0 = (from.xcr0() & ControlRegisters.XCR0_KNOWN) | ControlRegisters.XCR0_X87;
        ByteBuffer area = ByteBuffer.wrap(fpuArea).order(ByteOrder.LITTLE_ENDIAN);
        X87Images.loadFx(cpu.fpu, MemorySegment.ofArray(fpuArea), true);
        cpu.mxcsr.value(area.getInt(XsaveArea.MXCSR) & Mxcsr.MASK);
        boolean hasHigh = (area.getLong(XsaveArea.XSTATE_BV) & ControlRegisters.XCR0_AVX) != 0;
        for (int i = 0; i < Cpu.XMM_WORDS; i++) {
            cpu.xmm[i] = area.getLong(XsaveArea.XMM0 + i * Long.BYTES);
            cpu.xmm[Cpu.YMM_HIGH + i] = hasHigh ? area.getLong(XsaveArea.YMM + i * Long.BYTES) : 0;
        }
    }

    VcpuEvents events() {
        int vector = cpu.loop.injected();
        return new VcpuEvents(
                false,
                false,
                0,
                false,
                0,
                vector != NO_VECTOR,
                vector == NO_VECTOR ? 0 : vector,
                false,
                cpu.loop.interruptShadow ? 1 : 0,
                false,
                cpu.loop.nmiPending(),
                cpu.loop.nmiMasked,
                apic == null ? 0 : apic.startUpVector());
    }

    void events(VcpuEvents from) {
        if (from.exceptionInjected() || from.exceptionPending() || from.nmiInjected()) {
            throw new HypervisorException("the engine delivers exceptions at once: none can be on its way");
        }
        cpu.loop.inject(from.interruptInjected() ? from.interruptVector() : NO_VECTOR);
        cpu.loop.interruptShadow = from.interruptShadow() != 0;
        cpu.loop.nmiPending(from.nmiPending());
        cpu.loop.nmiMasked = from.nmiMasked();
    }

    int[] msrIndices() {
        IntStream own = Arrays.stream(cpu.msrs.indices());
        return IntStream.concat(own, Arrays.stream(platform.msrIndices())).toArray();
    }

    List<MsrEntry> msrs(int... indices) {
        List<MsrEntry> values = new ArrayList<>();
        for (int index : indices) {
            try {
                values.add(new MsrEntry(index, cpu.msrs.read(index, null)));
            } catch (GuestFault e) {
                throw new HypervisorException("the engine has no MSR 0x%x".formatted(index));
            }
        }
        return values;
    }

    void msrs(List<MsrEntry> entries) {
        for (MsrEntry entry : entries) {
            if (platform.restoresMsr(entry.index())) {
                platform.restoreMsr(entry.index(), entry.value());
                continue;
            }
            try {
                cpu.msrs.write(entry.index(), entry.value(), null);
            } catch (GuestFault e) {
                throw new HypervisorException("the engine refuses " + entry);
            }
        }
    }
}
