package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.ControlRegisters;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Feature;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.cpu.XsaveArea;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Ending;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.simd.ExtendedState;
import dev.microvm.engine.exec.simd.SimdAction;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.hypervisor.SpecialRegisters;
import org.jspecify.annotations.Nullable;

/**
 * What saves, restores and sets state that programs may: FXSAVE, XSAVE and MXCSR, XCR0, the bases
 * of FS and GS, RDPID; and what writes cache lines back. Groups 7, 9 and 15 of Intel SDM vol. 2D,
 * table A-6.
 */
final class ExtendedStateSelector implements Selector {
    private static final int FXSAVE_ALIGNMENT = 16;

    private final ExtendedState state = new ExtendedState();

    /** What one does with an area in memory. */
    @FunctionalInterface
    private interface Work {
        void run(Cpu cpu, long linear, Instruction at);
    }

    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        if (d.vex) return null;
        return switch (d.opcode) {
            case 0x101 ->
                d.isRegister() && d.group() == 2 && d.mandatoryPrefix() == NO_PREFIX ? control(d, block) : null;
            case 0x1AE -> d.isRegister() ? bases(d) : memory(d, block);
            case 0x1C7 -> d.isRegister() ? group9(d) : compact(d, block);
            default -> null;
        };
    }

    // Memory of group 15

    private @Nullable Instruction memory(Decoded d, BlockBuilder block) {
        int prefix = d.mandatoryPrefix();
        if (prefix == PREFIX_66) {
            boolean flush = d.group() == 6 || d.group() == 7; // CLWB, CLFLUSHOPT
            return flush ? writeBack(d, block) : null;
        }
        if (prefix != NO_PREFIX) return null;
        boolean wide = d.rexW;
        return switch (d.group()) {
            case 0 -> legacy(d, block, true, (cpu, linear, at) -> state.fxsave(cpu, linear, wide, at)); // FXSAVE
            case 1 -> legacy(d, block, false, (cpu, linear, at) -> state.fxrstor(cpu, linear, wide, at)); // FXRSTOR
            case 2 -> { // LDMXCSR
                Operand source = block.source(d, 4);
                yield SimdAction.sse((cpu, xmm, at) -> {
                    int value = (int) source.read(cpu, at);
                    if ((value & ~Mxcsr.MASK) != 0) throw cpu.fault(Vectors.GP, 0, at);
                    cpu.mxcsr.value(value);
                });
            }
            case 3 -> { // STMXCSR
                Operand target = block.target(d, 4);
                yield SimdAction.sse((cpu, xmm, at) -> target.write(cpu, cpu.mxcsr.value(), at));
            }
            case 4, 6 -> // XSAVE, XSAVEOPT
                area(d, block, true, (cpu, linear, at) -> state.xsave(cpu, linear, wanted(cpu), wide, false, at));
            case 5 -> area(d, block, false, (cpu, linear, at) -> state.xrstor(cpu, linear, wanted(cpu), wide, at));
            default -> writeBack(d, block); // CLFLUSH
        };
    }

    /** XSAVEC: group 9. CMPXCHG8B is not ours. */
    private @Nullable Instruction compact(Decoded d, BlockBuilder block) {
        if (d.group() != 4 || d.mandatoryPrefix() != NO_PREFIX) return null;
        boolean wide = d.rexW;
        return area(d, block, true, (cpu, linear, at) -> state.xsave(cpu, linear, wanted(cpu), wide, true, at));
    }

    private static long wanted(Cpu cpu) {
        return (cpu.r[Cpu.RAX] & 0xFFFF_FFFFL) | cpu.r[Cpu.RDX] << Integer.SIZE;
    }

    private static Instruction legacy(Decoded d, BlockBuilder block, boolean stores, Work work) {
        Address address = block.address(d, XsaveArea.LEGACY_SIZE, stores);
        return new Plain((cpu, at) -> {
            if ((cpu.cr0 & (SpecialRegisters.CR0_EM | SpecialRegisters.CR0_TS)) != 0) throw cpu.fault(Vectors.NM, at);
            long linear = address.linear(cpu);
            if ((linear & FXSAVE_ALIGNMENT - 1) != 0) throw cpu.fault(Vectors.GP, 0, at);
            work.run(cpu, linear, at);
        });
    }

    private static Instruction area(Decoded d, BlockBuilder block, boolean stores, Work work) {
        Address address = block.address(d, XsaveArea.SIZE, stores);
        return new Plain((cpu, at) -> {
            requireXsave(cpu, at);
            if ((cpu.cr0 & SpecialRegisters.CR0_TS) != 0) throw cpu.fault(Vectors.NM, at);
            long linear = address.linear(cpu);
            if ((linear & XsaveArea.ALIGNMENT - 1) != 0) throw cpu.fault(Vectors.GP, 0, at);
            work.run(cpu, linear, at);
        });
    }

    private static void requireXsave(Cpu cpu, Instruction at) {
        if ((cpu.cr4 & SpecialRegisters.CR4_OSXSAVE) == 0) throw cpu.fault(Vectors.UD, at);
    }

    /** There is no cache: what is left is that the line must be readable. */
    private static Instruction writeBack(Decoded d, BlockBuilder block) {
        Operand line = block.source(d, 1);
        return new Plain(line::read);
    }

    // XCR0

    private static @Nullable Instruction control(Decoded d, BlockBuilder block) {
        return switch (d.rm & 7) {
            case 0 -> new Plain(ExtendedStateSelector::readControl); // XGETBV
            case 1 -> block.ending(new Ending(ExtendedStateSelector::writeControl)); // XSETBV
            default -> null;
        };
    }

    /** XGETBV. */
    private static void readControl(Cpu cpu, Instruction at) {
        requireXsave(cpu, at);
        int index = (int) cpu.r[Cpu.RCX];
        boolean known = index == 0 || (index == 1 && cpu.features().has(Feature.XGETBV1)); // 1: what is in use, all
        if (!known) throw cpu.fault(Vectors.GP, 0, at);
        cpu.r[Cpu.RAX] = cpu.xcr0;
        cpu.r[Cpu.RDX] = 0;
    }

    /** XSETBV. */
    private static void writeControl(Cpu cpu, Instruction at) {
        requireXsave(cpu, at);
        cpu.requireSupervisor(at);
        long value = wanted(cpu);
        boolean valid = (int) cpu.r[Cpu.RCX] == 0
                && (value & ControlRegisters.XCR0_X87) != 0
                && (value & ~ControlRegisters.XCR0_KNOWN) == 0;
        if (!valid) throw cpu.fault(Vectors.GP, 0, at);
        cpu.xcr0 = value;
    }

    // Registers of groups 15 and 9

    /** RDFSBASE, RDGSBASE, WRFSBASE, WRGSBASE. */
    private static @Nullable Instruction bases(Decoded d) {
        if (d.mandatoryPrefix() != PREFIX_F3 || d.group() > 3 || d.mode != CodeMode.BITS_64) return null;
        int segment = Decoded.FS + (d.group() & 1);
        Operand operand = Operand.register(d.rm, d.rexW ? 8 : 4);
        if (d.group() < 2) {
            return new Plain((cpu, at) -> {
                requireBases(cpu, at);
                operand.write(cpu, cpu.r[Cpu.SEGMENT_BASE + segment], at);
            });
        }
        return new Plain((cpu, at) -> {
            requireBases(cpu, at);
            long base = operand.read(cpu, at);
            if (!cpu.canonical(base)) throw cpu.fault(Vectors.GP, 0, at);
            cpu.segmentation.base(segment, base);
        });
    }

    private static void requireBases(Cpu cpu, Instruction at) {
        if ((cpu.cr4 & SpecialRegisters.CR4_FSGSBASE) == 0) throw cpu.fault(Vectors.UD, at);
    }

    private static @Nullable Instruction group9(Decoded d) {
        boolean random = d.mandatoryPrefix() <= PREFIX_66 && (d.group() == 6 || d.group() == 7) && !d.lock;
        return random ? randomNumber(d) : processorNumber(d);
    }

    /** RDRAND and RDSEED, for which the host always has a number. */
    private static Instruction randomNumber(Decoded d) {
        Operand target = Operand.register(d.rm, d.operandSize);
        return new Plain((cpu, at) -> {
            target.write(cpu, cpu.platform().randomNumber(), at);
            Flags.arithmetic(cpu, Flags.CF);
        });
    }

    /** RDPID. */
    private static @Nullable Instruction processorNumber(Decoded d) {
        if (d.mandatoryPrefix() != PREFIX_F3 || d.group() != 7) return null;
        Operand target = Operand.register(d.rm, d.mode == CodeMode.BITS_64 ? 8 : 4);
        return new Plain((cpu, at) -> target.write(cpu, cpu.msrs.tscAux, at));
    }
}
