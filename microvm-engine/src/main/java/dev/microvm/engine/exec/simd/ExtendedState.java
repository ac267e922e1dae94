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

/**
 * The areas of FXSAVE and XSAVE in memory: Intel SDM vol. 1, 10.5.1 and 13.4. State of x87 and SSE
 * always counts as in use, so it is never left out of an area. Belongs to one CPU.
 */
public final class ExtendedState {
    private static final int POINTERS_END = 24; // of what the x87 has before MXCSR
    private static final int X87_SIZE = XsaveArea.XMM0;
    private static final long COMPACTED = 1L << 63; // in XCOMP_BV: Intel SDM vol. 1, 13.4.2

    /** Components with which the standard format saves and loads MXCSR: 13.7 and 13.8.1. */
    private static final long WITH_MXCSR = ControlRegisters.XCR0_SSE | ControlRegisters.XCR0_AVX;

    private final byte[] x87 = new byte[X87_SIZE];
    private final MemorySegment image = MemorySegment.ofArray(x87);
    private final long[] words = new long[XsaveArea.SIZE / Long.BYTES];

    public ExtendedState() {}

    // FXSAVE and FXRSTOR

    public void fxsave(Cpu cpu, long linear, boolean wide, Instruction at) {
        cpu.mmu.probeWrite(linear, XsaveArea.LEGACY_SIZE, at);
        saveX87(cpu, linear, wide, at);
        saveMxcsr(cpu, linear, at);
        save(cpu, 0, linear + XsaveArea.XMM0, at);
    }

    public void fxrstor(Cpu cpu, long linear, boolean wide, Instruction at) {
        read(cpu, linear, XsaveArea.LEGACY_SIZE, at);
        int mxcsr = (int) word(XsaveArea.MXCSR);
        requireMxcsr(cpu, mxcsr, at);
        cpu.mxcsr.value(mxcsr);
        loadX87(cpu, wide);
        load(cpu, 0, /* present= */ true, XsaveArea.XMM0);
    }

    // XSAVE, XSAVEC and XRSTOR

    /** Which instruction saves. */
    public enum Kind {
        /** XSAVE. */
        PLAIN,
        /** XSAVEOPT: leaves out what is not in use. */
        OPTIMIZED,
        /** XSAVEC: the same, in the compacted format. */
        COMPACTED
    }

    /** XINUSE: components that are not as after a reset. Intel SDM vol. 1, 13.6. */
    public static long inUse(Cpu cpu) {
        long any = 0;
        for (int i = 0; i < Cpu.XMM_WORDS; i++) any |= cpu.xmm[Cpu.YMM_HIGH + i];
        return any != 0 ? ControlRegisters.XCR0_KNOWN : ControlRegisters.XCR0_KNOWN & ~ControlRegisters.XCR0_AVX;
    }

    /** XSAVE, XSAVEOPT or XSAVEC; {@code wanted} is EDX:EAX. */
    public void xsave(Cpu cpu, long linear, long wanted, boolean wide, Kind kind, Instruction at) {
        long components = wanted & cpu.xcr0;
        long used = components & inUse(cpu);
        long saved = kind == Kind.PLAIN ? components : used;
        boolean compacted = kind == Kind.COMPACTED;
        cpu.mmu.probeWrite(linear, XsaveArea.size(saved), at);
        if ((saved & ControlRegisters.XCR0_X87) != 0) saveX87(cpu, linear, wide, at);
        if ((components & (compacted ? ControlRegisters.XCR0_SSE : WITH_MXCSR)) != 0) saveMxcsr(cpu, linear, at);
        if ((saved & ControlRegisters.XCR0_SSE) != 0) save(cpu, 0, linear + XsaveArea.XMM0, at);
        if ((saved & ControlRegisters.XCR0_AVX) != 0) save(cpu, Cpu.YMM_HIGH, linear + XsaveArea.YMM, at);
        if (compacted) {
            cpu.mmu.store64(linear + XsaveArea.XSTATE_BV, used, at);
            cpu.mmu.store64(linear + XsaveArea.XCOMP_BV, components | COMPACTED, at);
        } else {
            long before = cpu.mmu.load64(linear + XsaveArea.XSTATE_BV, at);
            cpu.mmu.store64(linear + XsaveArea.XSTATE_BV, (before & ~components) | used, at);
        }
    }

    /** XRSTOR; {@code wanted} is EDX:EAX. */
    public void xrstor(Cpu cpu, long linear, long wanted, boolean wide, Instruction at) {
        read(cpu, linear, XsaveArea.HEADER_END, at);
        long present = word(XsaveArea.XSTATE_BV);
        boolean compacted = word(XsaveArea.XCOMP_BV) < 0;
        if (!isValid(cpu, present, compacted)) throw cpu.fault(Vectors.GP, 0, at);
        long restored = wanted & cpu.xcr0;
        boolean sseWanted = (restored & ControlRegisters.XCR0_SSE) != 0;
        boolean ssePresent = (present & ControlRegisters.XCR0_SSE) != 0;
        boolean mxcsrWanted = compacted ? sseWanted : (restored & WITH_MXCSR) != 0;
        boolean mxcsrPresent = ssePresent || !compacted; // 13.8.1: the standard form always has XsaveArea.MXCSR
        int mxcsr = mxcsrPresent ? (int) word(XsaveArea.MXCSR) : Mxcsr.RESET;
        if (mxcsrWanted) requireMxcsr(cpu, mxcsr, at);
        boolean highPresent = (restored & present & ControlRegisters.XCR0_AVX) != 0;
        if (highPresent) readHigh(cpu, linear, at);
        if ((restored & ControlRegisters.XCR0_X87) != 0) {
            if ((present & ControlRegisters.XCR0_X87) != 0) {
                loadX87(cpu, wide);
            } else {
                cpu.fpu.clear();
            }
        }
        if (mxcsrWanted) cpu.mxcsr.value(mxcsr);
        if (sseWanted) load(cpu, 0, ssePresent, XsaveArea.XMM0);
        if ((restored & ControlRegisters.XCR0_AVX) != 0) load(cpu, Cpu.YMM_HIGH, highPresent, XsaveArea.YMM);
    }

    /** Whether the header that was read allows XRSTOR: 13.8.1 and 13.8.2. */
    private boolean isValid(Cpu cpu, long present, boolean compacted) {
        long format = word(XsaveArea.XCOMP_BV);
        boolean valid = compacted
                ? cpu.features().has(Feature.XSAVEC)
                        && (format & ~COMPACTED & ~cpu.xcr0) == 0
                        && (present & ~format) == 0
                : (present & ~cpu.xcr0) == 0 && format == 0;
        int reservedEnd = compacted ? XsaveArea.HEADER_END : XsaveArea.XCOMP_BV + 2 * Long.BYTES;
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

    private void readHigh(Cpu cpu, long linear, Instruction at) {
        for (int i = XsaveArea.YMM; i < XsaveArea.SIZE; i += Long.BYTES) {
            words[i / Long.BYTES] = cpu.mmu.load64(linear + i, at);
        }
    }

    /** Stores the lower or upper halves of all registers; {@code half} is their index. */
    private static void save(Cpu cpu, int half, long linear, Instruction at) {
        int count = xmmWords(cpu);
        for (int i = 0; i < count; i++) cpu.mmu.store64(linear + (long) i * Long.BYTES, cpu.xmm[half + i], at);
    }

    /** Sets them to what was read at an offset, or to 0. */
    private void load(Cpu cpu, int half, boolean present, int offset) {
        int count = xmmWords(cpu);
        for (int i = 0; i < count; i++) cpu.xmm[half + i] = present ? word(offset + i * Long.BYTES) : 0;
    }

    /** XMM8 and up are seen in 64-bit mode alone. */
    private static int xmmWords(Cpu cpu) {
        return cpu.mode() == CodeMode.BITS_64 ? Cpu.XMM_WORDS : Cpu.XMM_WORDS / 2;
    }
}
