package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.ControlRegisters;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Feature;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.cpu.XsaveArea;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.fpu.X87Images;
import dev.microvm.engine.simd.Mxcsr;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;

/**
 * The areas of FXSAVE and XSAVE in memory: Intel SDM vol. 1, 10.5.1 and 13.4. All state counts as
 * in use, so none is left out of an area. Belongs to one CPU.
 */
public final class ExtendedState {
    private static final int POINTERS_END = 24; // of what the x87 has before MXCSR
    private static final int X87_SIZE = XsaveArea.XMM0;
    private static final long COMPACTED = 1L << 63; // in XCOMP_BV: Intel SDM vol. 1, 13.4.2

    private final byte[] x87 = new byte[X87_SIZE];
    private final MemorySegment image = MemorySegment.ofArray(x87);
    private final long[] words = new long[XsaveArea.SIZE / Long.BYTES];

    public ExtendedState() {}

    // FXSAVE and FXRSTOR

    public void fxsave(Cpu cpu, long linear, boolean wide, Instruction at) {
        cpu.mmu.probeWrite(linear, XsaveArea.LEGACY_SIZE, at);
        saveX87(cpu, linear, wide, at);
        saveMxcsr(cpu, linear, at);
        saveXmm(cpu, linear, at);
    }

    public void fxrstor(Cpu cpu, long linear, boolean wide, Instruction at) {
        read(cpu, linear, XsaveArea.LEGACY_SIZE, at);
        int mxcsr = (int) word(XsaveArea.MXCSR);
        requireMxcsr(cpu, mxcsr, at);
        cpu.mxcsr.value(mxcsr);
        loadX87(cpu, wide);
        loadXmm(cpu);
    }

    // XSAVE, XSAVEC and XRSTOR

    /** XSAVE, XSAVEOPT and, compacted, XSAVEC; {@code wanted} is EDX:EAX. */
    public void xsave(Cpu cpu, long linear, long wanted, boolean wide, boolean compacted, Instruction at) {
        long saved = wanted & cpu.xcr0;
        cpu.mmu.probeWrite(linear, XsaveArea.SIZE, at);
        boolean x87Wanted = (saved & ControlRegisters.XCR0_X87) != 0;
        boolean sseWanted = (saved & ControlRegisters.XCR0_SSE) != 0;
        if (x87Wanted) saveX87(cpu, linear, wide, at);
        if (sseWanted) {
            saveMxcsr(cpu, linear, at);
            saveXmm(cpu, linear, at);
        }
        if (compacted) {
            cpu.mmu.store64(linear + XsaveArea.XSTATE_BV, saved, at);
            cpu.mmu.store64(linear + XsaveArea.XCOMP_BV, saved | COMPACTED, at);
        } else {
            long before = cpu.mmu.load64(linear + XsaveArea.XSTATE_BV, at);
            cpu.mmu.store64(linear + XsaveArea.XSTATE_BV, before | saved, at);
        }
    }

    /** XRSTOR; {@code wanted} is EDX:EAX. */
    public void xrstor(Cpu cpu, long linear, long wanted, boolean wide, Instruction at) {
        read(cpu, linear, XsaveArea.SIZE, at);
        long present = word(XsaveArea.XSTATE_BV);
        boolean compacted = word(XsaveArea.XCOMP_BV) < 0;
        if (!isValid(cpu, present, compacted)) throw cpu.fault(Vectors.GP, 0, at);
        long restored = wanted & cpu.xcr0;
        boolean sseWanted = (restored & ControlRegisters.XCR0_SSE) != 0;
        boolean ssePresent = (present & ControlRegisters.XCR0_SSE) != 0;
        boolean mxcsrPresent = ssePresent || !compacted; // 13.8.1: the standard form always has XsaveArea.MXCSR
        int mxcsr = mxcsrPresent ? (int) word(XsaveArea.MXCSR) : Mxcsr.RESET;
        if (sseWanted) requireMxcsr(cpu, mxcsr, at);
        if ((restored & ControlRegisters.XCR0_X87) != 0) {
            if ((present & ControlRegisters.XCR0_X87) != 0) {
                loadX87(cpu, wide);
            } else {
                cpu.fpu.clear();
            }
        }
        if (sseWanted) {
            cpu.mxcsr.value(mxcsr);
            if (ssePresent) {
                loadXmm(cpu);
            } else {
                Arrays.fill(cpu.xmm, 0, xmmWords(cpu), 0);
            }
        }
    }

    /** Whether the header that was read allows XRSTOR: 13.8.1 and 13.8.2. */
    private boolean isValid(Cpu cpu, long present, boolean compacted) {
        long format = word(XsaveArea.XCOMP_BV);
        boolean valid = compacted
                ? cpu.features().has(Feature.XSAVEC)
                        && (format & ~COMPACTED & ~cpu.xcr0) == 0
                        && (present & ~format) == 0
                : (present & ~cpu.xcr0) == 0 && format == 0;
        int reservedEnd = compacted ? XsaveArea.SIZE : XsaveArea.XCOMP_BV + 2 * Long.BYTES;
        for (int i = XsaveArea.XCOMP_BV + Long.BYTES; i < reservedEnd; i += Long.BYTES) valid &= word(i) == 0;
        return valid;
    }

    private static void requireMxcsr(Cpu cpu, int mxcsr, Instruction at) {
        if ((mxcsr & ~Mxcsr.MASK) != 0) throw cpu.fault(Vectors.GP, 0, at);
    }

    // Parts

    private void read(Cpu cpu, long linear, int size, Instruction at) {
        for (int i = 0; i < size; i += Long.BYTES) words[i / Long.BYTES] = cpu.mmu.load64(linear + i, at);
    }

    private long word(int offset) {
        return words[offset / Long.BYTES];
    }

    private void saveX87(Cpu cpu, long linear, boolean wide, Instruction at) {
        X87Images.storeFx(cpu.fpu, image, wide);
        for (int i = 0; i < X87_SIZE; i += Long.BYTES) {
            if (i == POINTERS_END) i = XsaveArea.X87_REGISTERS;
            cpu.mmu.store64(linear + i, image.get(X87Images.LONG, i), at);
        }
    }

    private void loadX87(Cpu cpu, boolean wide) {
        for (int i = 0; i < X87_SIZE; i += Long.BYTES) image.set(X87Images.LONG, i, word(i));
        X87Images.loadFx(cpu.fpu, image, wide);
    }

    private static void saveMxcsr(Cpu cpu, long linear, Instruction at) {
        cpu.mmu.store32(linear + XsaveArea.MXCSR, cpu.mxcsr.value(), at);
        cpu.mmu.store32(linear + XsaveArea.MXCSR_MASK, Mxcsr.MASK, at);
    }

    private static void saveXmm(Cpu cpu, long linear, Instruction at) {
        int count = xmmWords(cpu);
        for (int i = 0; i < count; i++)
            cpu.mmu.store64(linear + XsaveArea.XMM0 + (long) i * Long.BYTES, cpu.xmm[i], at);
    }

    private void loadXmm(Cpu cpu) {
        int count = xmmWords(cpu);
        for (int i = 0; i < count; i++) cpu.xmm[i] = word(XsaveArea.XMM0 + i * Long.BYTES);
    }

    /** XMM8 and up are seen in 64-bit mode alone. */
    private static int xmmWords(Cpu cpu) {
        return cpu.mode() == CodeMode.BITS_64 ? cpu.xmm.length : cpu.xmm.length / 2;
    }
}
