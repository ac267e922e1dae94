package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.x87.FpuAction;
import dev.microvm.engine.exec.x87.FpuArithmetic;
import dev.microvm.engine.exec.x87.FpuAvailability;
import dev.microvm.engine.exec.x87.FpuImage;
import dev.microvm.engine.exec.x87.FpuLoad;
import dev.microvm.engine.exec.x87.FpuStore;
import dev.microvm.engine.fpu.X87Arithmetic;
import dev.microvm.engine.fpu.X87Arithmetic.Operation;
import dev.microvm.engine.fpu.X87Comparisons;
import dev.microvm.engine.fpu.X87Transcendentals;
import dev.microvm.engine.fpu.X87Transfers;
import org.jspecify.annotations.Nullable;

/**
 * The x87: opcodes D8 to DF, Intel SDM vol. 2D, tables. What they compute is in {@code
 * dev.microvm.engine.fpu}.
 */
final class FpuSelector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        if (d.opcode < 0xD8 || d.opcode > 0xDF) return null;
        if (d.isRegister()) return register(d);
        Instruction instruction = memory(d, block);
        if (instruction != null && d.mode != CodeMode.BITS_64) {
            // exceptions of the unit come before those of the segment
            boolean stores =
                    d.group() >= 6 && (d.opcode == 0xD9 || d.opcode == 0xDD); // FNSTENV, FNSTCW, FNSAVE, FNSTSW
            block.precede(new Plain((cpu, at) -> FpuAvailability.require(cpu, !stores, at)));
        }
        return instruction;
    }

    /** The opcode as the unit remembers it: Intel SDM vol. 1, 8.1.9. */
    private static int fop(Decoded d) {
        return (d.opcode & 7) << 8 | d.mod << 6 | d.group() << 3 | (d.rm & 7);
    }

    private static Instruction work(Decoded d, FpuAction.Work work) {
        return FpuAction.operation(fop(d), work);
    }

    // Memory forms

    private static @Nullable Instruction memory(Decoded d, BlockBuilder block) {
        int group = d.group();
        return switch (d.opcode) {
            case 0xD8 -> load(d, block, 4, (f, v) -> FpuArithmetic.withFloat(f, group, (int) v)); // FADD to FDIVR
            case 0xDC -> load(d, block, 8, (f, v) -> FpuArithmetic.withDouble(f, group, v)); // FADD to FDIVR
            case 0xDA -> load(d, block, 4, (f, v) -> FpuArithmetic.withInteger(f, group, (int) v)); // FIADD to FIDIVR
            case 0xDE -> load(d, block, 2, (f, v) -> FpuArithmetic.withInteger(f, group, (short) v)); // FIADD to FIDIVR
            case 0xD9 -> memoryD9(d, block);
            case 0xDB -> memoryDb(d, block);
            case 0xDD -> memoryDd(d, block);
            default -> memoryDf(d, block);
        };
    }

    private static @Nullable Instruction memoryD9(Decoded d, BlockBuilder block) {
        return switch (d.group()) {
            case 0 -> load(d, block, 4, (f, v) -> X87Transfers.fldFloat(f, (int) v)); // FLD
            case 2, 3 -> store(d, block, 4, d.group() == 3, X87Transfers::prepareFloat); // FST, FSTP
            case 4 -> image(d, block, false, true); // FLDENV
            case 5 -> { // FLDCW
                Operand source = block.source(d, 2);
                yield FpuAction.control(true, (cpu, f, at) -> f.control((int) source.read(cpu, at)));
            }
            case 6 -> image(d, block, true, true); // FNSTENV
            case 7 -> { // FNSTCW
                Operand target = block.target(d, 2);
                yield FpuAction.control(false, (cpu, f, at) -> target.write(cpu, f.control(), at));
            }
            default -> null;
        };
    }

    private static @Nullable Instruction memoryDb(Decoded d, BlockBuilder block) {
        return switch (d.group()) {
            case 0 -> load(d, block, 4, (f, v) -> X87Transfers.fild(f, v << 32 >> 32)); // FILD
            case 1 -> store(d, block, 4, true, f -> X87Transfers.prepareInteger(f, 32, true)); // FISTTP
            case 2, 3 ->
                store(d, block, 4, d.group() == 3, f -> X87Transfers.prepareInteger(f, 32, false)); // FIST, FISTP
            case 5 -> { // FLD
                Address address = block.address(d, FpuStore.EXTENDED_SIZE, false);
                yield work(d, (cpu, f, at) -> {
                    long linear = address.linear(cpu);
                    long significand = cpu.mmu.load64(linear, at);
                    X87Transfers.fldExtended(f, cpu.mmu.load16(linear + 8, at), significand);
                });
            }
            case 7 -> store(d, block, FpuStore.EXTENDED_SIZE, true, X87Transfers::prepareExtended); // FSTP
            default -> null;
        };
    }

    private static @Nullable Instruction memoryDd(Decoded d, BlockBuilder block) {
        return switch (d.group()) {
            case 0 -> load(d, block, 8, X87Transfers::fldDouble); // FLD
            case 1 -> store(d, block, 8, true, f -> X87Transfers.prepareInteger(f, 64, true)); // FISTTP
            case 2, 3 -> store(d, block, 8, d.group() == 3, X87Transfers::prepareDouble); // FST, FSTP
            case 4 -> image(d, block, false, false); // FRSTOR
            case 6 -> image(d, block, true, false); // FNSAVE
            case 7 -> { // FNSTSW
                Operand target = block.target(d, 2);
                yield FpuAction.control(false, (cpu, f, at) -> target.write(cpu, f.status(), at));
            }
            default -> null;
        };
    }

    private static @Nullable Instruction memoryDf(Decoded d, BlockBuilder block) {
        return switch (d.group()) {
            case 0 -> load(d, block, 2, (f, v) -> X87Transfers.fild(f, (short) v)); // FILD
            case 1 -> store(d, block, 2, true, f -> X87Transfers.prepareInteger(f, 16, true)); // FISTTP
            case 2, 3 ->
                store(d, block, 2, d.group() == 3, f -> X87Transfers.prepareInteger(f, 16, false)); // FIST, FISTP
            case 4 -> { // FBLD
                Address address = block.address(d, FpuStore.EXTENDED_SIZE, false);
                yield work(d, (cpu, f, at) -> {
                    long linear = address.linear(cpu);
                    long low = cpu.mmu.load64(linear, at);
                    X87Transfers.fbld(f, low, cpu.mmu.load16(linear + 8, at));
                });
            }
            case 5 -> load(d, block, 8, X87Transfers::fild); // FILD
            case 6 -> store(d, block, FpuStore.EXTENDED_SIZE, true, X87Transfers::prepareBcd); // FBSTP
            default -> store(d, block, 8, true, f -> X87Transfers.prepareInteger(f, 64, false)); // FISTP
        };
    }

    private static Instruction load(Decoded d, BlockBuilder block, int size, FpuLoad.Work work) {
        return new FpuLoad(fop(d), block.source(d, size), work);
    }

    private static Instruction store(
            Decoded d, BlockBuilder block, int size, boolean pops, FpuStore.Conversion conversion) {
        return new FpuStore(fop(d), block.address(d, size, true), size, pops, conversion);
    }

    private static Instruction image(Decoded d, BlockBuilder block, boolean stores, boolean environment) {
        boolean wide = d.operandSize != 2;
        int size = FpuImage.size(environment, wide);
        return new FpuImage(block.address(d, size, stores), stores, environment, wide);
    }

    // Register forms, with those that are only in AMD APM vol. 3, appendix A: FCOM2, FCOMP3, FXCH4, FCOMP5, FFREEP,
    // FXCH7, FSTP1, FSTP8 and FSTP9. All of them are the same as others.

    private static @Nullable Instruction register(Decoded d) {
        int group = d.group();
        int i = d.rm & 7;
        return switch (d.opcode) {
            case 0xD8 ->
                FpuArithmetic.isComparison(group)
                        ? work(d, (cpu, f, at) -> X87Comparisons.fcom(f, i, false, FpuArithmetic.pops(group)))
                        : work(d, (cpu, f, at) -> X87Arithmetic.operate(f, Operation.of(group), 0, i, false));
            case 0xDC ->
                FpuArithmetic.isComparison(group)
                        ? work(d, (cpu, f, at) -> X87Comparisons.fcom(f, i, false, FpuArithmetic.pops(group)))
                        : toRegister(d, group, i, false);
            case 0xDE -> {
                if (group == 3 && i == 1) yield work(d, (cpu, f, at) -> X87Comparisons.fcom(f, 1, false, 2));
                if (group == 2) yield work(d, (cpu, f, at) -> X87Comparisons.fcom(f, i, false, 1));
                if (group == 3) yield null;
                yield toRegister(d, group, i, true);
            }
            case 0xD9 -> registerD9(d, group, i);
            case 0xDA -> {
                if (group == 5 && i == 1) yield work(d, (cpu, f, at) -> X87Comparisons.fcom(f, 1, true, 2));
                if (group > 3) yield null;
                yield conditionalMove(d, group, i, true);
            }
            case 0xDB -> registerDb(d, group, i);
            case 0xDD -> registerDd(d, group, i);
            default -> registerDf(d, group, i);
        };
    }

    /**
     * The operation of the forms that write ST(i), in which the reversed ones have each other's
     * digit.
     */
    private static Instruction toRegister(Decoded d, int digit, int i, boolean pop) {
        Operation operation = Operation.of(digit >= Operation.SUBTRACT.digit() ? digit ^ 1 : digit);
        return work(d, (cpu, f, at) -> X87Arithmetic.operate(f, operation, i, 0, pop));
    }

    private static @Nullable Instruction registerD9(Decoded d, int group, int i) {
        return switch (group) {
            case 0 -> work(d, (cpu, f, at) -> X87Transfers.fld(f, i)); // FLD
            case 1 -> work(d, (cpu, f, at) -> X87Transfers.fxch(f, i)); // FXCH
            case 2 -> i == 0 ? work(d, (cpu, f, at) -> {}) : null; // FNOP
            case 3 -> work(d, (cpu, f, at) -> X87Transfers.fst(f, i, true)); // FSTP1
            case 4 ->
                switch (i) {
                    case 0 -> work(d, (cpu, f, at) -> X87Arithmetic.fchs(f));
                    case 1 -> work(d, (cpu, f, at) -> X87Arithmetic.fabs(f));
                    case 4 -> work(d, (cpu, f, at) -> X87Comparisons.ftst(f));
                    case 5 -> work(d, (cpu, f, at) -> X87Comparisons.fxam(f));
                    default -> null;
                };
            case 5 -> constant(d, 0xE8 + i);
            case 6, 7 -> function(d, (group & 1) * 8 + i);
            default -> null;
        };
    }

    private static @Nullable Instruction constant(Decoded d, int modRm) {
        for (X87Transfers.Constant each : X87Transfers.Constant.values()) {
            if (each.opcode() == modRm) return work(d, (cpu, f, at) -> X87Transfers.fldConstant(f, each));
        }
        return null;
    }

    /** D9 F0 to FF. */
    private static Instruction function(Decoded d, int number) {
        return switch (number) {
            case 0 -> work(d, (cpu, f, at) -> X87Transcendentals.f2xm1(f));
            case 1 -> work(d, (cpu, f, at) -> X87Transcendentals.fyl2x(f));
            case 2 -> work(d, (cpu, f, at) -> X87Transcendentals.fptan(f));
            case 3 -> work(d, (cpu, f, at) -> X87Transcendentals.fpatan(f));
            case 4 -> work(d, (cpu, f, at) -> X87Arithmetic.fxtract(f));
            case 5 -> work(d, (cpu, f, at) -> X87Arithmetic.fprem1(f));
            case 6 -> work(d, (cpu, f, at) -> f.decrementTop());
            case 7 -> work(d, (cpu, f, at) -> f.incrementTop());
            case 8 -> work(d, (cpu, f, at) -> X87Arithmetic.fprem(f));
            case 9 -> work(d, (cpu, f, at) -> X87Transcendentals.fyl2xp1(f));
            case 10 -> work(d, (cpu, f, at) -> X87Arithmetic.fsqrt(f));
            case 11 -> work(d, (cpu, f, at) -> X87Transcendentals.fsincos(f));
            case 12 -> work(d, (cpu, f, at) -> X87Arithmetic.frndint(f));
            case 13 -> work(d, (cpu, f, at) -> X87Arithmetic.fscale(f));
            case 14 -> work(d, (cpu, f, at) -> X87Transcendentals.fsin(f));
            default -> work(d, (cpu, f, at) -> X87Transcendentals.fcos(f));
        };
    }

    private static Instruction conditionalMove(Decoded d, int group, int i, boolean wanted) {
        return work(d, (cpu, f, at) -> {
            boolean condition = switch (group) {
                case 0 -> Flags.carry(cpu);
                case 1 -> Flags.zero(cpu);
                case 2 -> Flags.carry(cpu) || Flags.zero(cpu);
                default -> Flags.parity(cpu);
            };
            X87Transfers.fcmov(f, i, condition == wanted);
        });
    }

    private static @Nullable Instruction registerDb(Decoded d, int group, int i) {
        return switch (group) {
            case 0, 1, 2, 3 -> conditionalMove(d, group, i, false);
            case 4 ->
                switch (i) {
                    case 0, 1, 4 -> FpuAction.control(false, (cpu, f, at) -> {}); // FNENI, FNDISI, FNSETPM: no work
                    case 2 -> FpuAction.control(false, (cpu, f, at) -> f.clearExceptions()); // FNCLEX
                    case 3 -> FpuAction.control(false, (cpu, f, at) -> f.initialize()); // FNINIT
                    default -> null;
                };
            case 5 -> compareToFlags(d, i, true, false); // FUCOMI
            case 6 -> compareToFlags(d, i, false, false); // FCOMI
            default -> null;
        };
    }

    private static Instruction compareToFlags(Decoded d, int i, boolean quiet, boolean pop) {
        return work(d, (cpu, f, at) -> {
            int flags = X87Comparisons.fcomi(f, i, quiet, pop);
            if (flags != X87Comparisons.NO_FLAGS) Flags.arithmetic(cpu, flags);
        });
    }

    private static @Nullable Instruction registerDd(Decoded d, int group, int i) {
        return switch (group) {
            case 0 -> work(d, (cpu, f, at) -> f.free(i)); // FFREE
            case 1 -> work(d, (cpu, f, at) -> X87Transfers.fxch(f, i)); // FXCH4
            case 2, 3 -> work(d, (cpu, f, at) -> X87Transfers.fst(f, i, group == 3)); // FST, FSTP
            case 4, 5 -> work(d, (cpu, f, at) -> X87Comparisons.fcom(f, i, true, group - 4)); // FUCOM, FUCOMP
            default -> null;
        };
    }

    private static @Nullable Instruction registerDf(Decoded d, int group, int i) {
        return switch (group) {
            case 0 -> work(d, (cpu, f, at) -> f.freeAndPop(i)); // FFREEP
            case 1 -> work(d, (cpu, f, at) -> X87Transfers.fxch(f, i)); // FXCH7
            case 2, 3 -> work(d, (cpu, f, at) -> X87Transfers.fst(f, i, true)); // FSTP8, FSTP9
            case 4 -> // FNSTSW AX
                i == 0
                        ? FpuAction.control(
                                false,
                                (cpu, f, at) -> Operand.register(Cpu.RAX, 2).write(cpu, f.status(), at))
                        : null;
            case 5 -> compareToFlags(d, i, true, true); // FUCOMIP
            case 6 -> compareToFlags(d, i, false, true); // FCOMIP
            default -> null;
        };
    }
}
