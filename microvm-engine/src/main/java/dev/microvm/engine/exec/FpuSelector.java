package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.BlockTranslator.Emission;
import dev.microvm.engine.fpu.X87;
import dev.microvm.engine.fpu.X87Arithmetic;
import dev.microvm.engine.fpu.X87Arithmetic.Operation;
import dev.microvm.engine.fpu.X87Comparisons;
import dev.microvm.engine.fpu.X87Images;
import dev.microvm.engine.fpu.X87Transcendentals;
import dev.microvm.engine.fpu.X87Transfers;
import dev.microvm.hypervisor.SpecialRegisters;
import java.lang.foreign.MemorySegment;
import org.jspecify.annotations.Nullable;

/** The x87: opcodes D8 to DF, Intel SDM vol. 2D, tables. What they compute is in {@code dev.microvm.engine.fpu}. */
final class FpuSelector implements BlockTranslator.Selector {
    private static final int EXTENDED_SIZE = 10;

    /** What one of them does. */
    @FunctionalInterface
    private interface Work {
        void run(Cpu cpu, X87 f, Instruction at);
    }

    /** Loads an operand and works with it. */
    @FunctionalInterface
    private interface Load {
        void run(X87 f, long value);
    }

    /** Makes a value to store; false if there is none. */
    @FunctionalInterface
    private interface Prepare {
        boolean run(X87 f);
    }

    @Override
    public @Nullable Instruction select(Decoded d, Emission e) {
        if (d.opcode < 0xD8 || d.opcode > 0xDF) return null;
        if (d.isRegister()) return register(d);
        Instruction instruction = memory(d, e);
        if (instruction != null && d.mode != CodeMode.BITS_64) {
            // the unit's own exceptions come before those of the operand's segment
            boolean stores =
                    d.group() >= 6 && (d.opcode == 0xD9 || d.opcode == 0xDD); // FNSTENV, FNSTCW, FNSAVE, FNSTSW
            e.precede(new Plain((cpu, at) -> requireUnit(cpu, !stores, at)));
        }
        return instruction;
    }

    // Availability

    /** #NM if the unit is not there for the task, #MF if an exception waits. */
    private static void requireUnit(Cpu cpu, boolean waits, Instruction at) {
        if ((cpu.cr0 & (SpecialRegisters.CR0_EM | SpecialRegisters.CR0_TS)) != 0) throw cpu.fault(Vectors.NM, at);
        if (waits) requireNoError(cpu, at);
    }

    /** #MF if an exception waits. */
    static void requireNoError(Cpu cpu, Instruction at) {
        if (cpu.fpu.errorPending() && (cpu.cr0 & SpecialRegisters.CR0_NE) != 0) throw cpu.fault(Vectors.MF, at);
    }

    /** An instruction that waits for exceptions and is remembered. */
    private static Instruction work(Decoded d, Work work) {
        int opcode = (d.opcode & 7) << 8 | d.mod << 6 | d.group() << 3 | (d.rm & 7);
        return new Plain((cpu, at) -> {
            requireUnit(cpu, true, at);
            int cs = cpu.segments[Decoded.CS].selector;
            cpu.fpu.note(opcode, cs, at.rip(cpu), cpu.segments[Decoded.DS].selector, 0);
            work.run(cpu, cpu.fpu, at);
        });
    }

    /** One that controls the unit. */
    private static Instruction control(boolean waits, Work work) {
        return new Plain((cpu, at) -> {
            requireUnit(cpu, waits, at);
            work.run(cpu, cpu.fpu, at);
        });
    }

    // Memory forms

    private static @Nullable Instruction memory(Decoded d, Emission e) {
        int group = d.group();
        return switch (d.opcode) {
            case 0xD8 -> arithmetic(d, e, 4, (f, v) -> operateFloat(f, group, (int) v));
            case 0xDC -> arithmetic(d, e, 8, (f, v) -> operateDouble(f, group, v));
            case 0xDA -> arithmetic(d, e, 4, (f, v) -> operateInteger(f, group, (int) v));
            case 0xDE -> arithmetic(d, e, 2, (f, v) -> operateInteger(f, group, (short) v));
            case 0xD9 -> memoryD9(d, e);
            case 0xDB -> memoryDb(d, e);
            case 0xDD -> memoryDd(d, e);
            default -> memoryDf(d, e);
        };
    }

    private static @Nullable Instruction memoryD9(Decoded d, Emission e) {
        return switch (d.group()) {
            case 0 -> arithmetic(d, e, 4, (f, v) -> X87Transfers.fldFloat(f, (int) v));
            case 2, 3 -> store(d, e, 4, d.group() == 3, X87Transfers::prepareFloat);
            case 4 -> image(d, e, false, environmentSize(d), true);
            case 5 -> {
                Operand source = e.source(d, 2);
                yield control(true, (cpu, f, at) -> f.control((int) source.read(cpu, at)));
            }
            case 6 -> image(d, e, true, environmentSize(d), true);
            case 7 -> {
                Operand target = e.target(d, 2);
                yield control(false, (cpu, f, at) -> target.write(cpu, f.control(), at));
            }
            default -> null;
        };
    }

    private static @Nullable Instruction memoryDb(Decoded d, Emission e) {
        return switch (d.group()) {
            case 0 -> arithmetic(d, e, 4, (f, v) -> X87Transfers.fild(f, v << 32 >> 32));
            case 1 -> store(d, e, 4, true, f -> X87Transfers.prepareInteger(f, 32, true));
            case 2, 3 -> store(d, e, 4, d.group() == 3, f -> X87Transfers.prepareInteger(f, 32, false));
            case 5 -> {
                Address address = e.address(d, EXTENDED_SIZE, false);
                yield work(d, (cpu, f, at) -> {
                    long linear = address.linear(cpu);
                    long significand = cpu.mmu.load64(linear, at);
                    X87Transfers.fldExtended(f, cpu.mmu.load16(linear + 8, at), significand);
                });
            }
            case 7 -> storeTen(d, e, X87Transfers::prepareExtended);
            default -> null;
        };
    }

    private static @Nullable Instruction memoryDd(Decoded d, Emission e) {
        return switch (d.group()) {
            case 0 -> arithmetic(d, e, 8, X87Transfers::fldDouble);
            case 1 -> store(d, e, 8, true, f -> X87Transfers.prepareInteger(f, 64, true));
            case 2, 3 -> store(d, e, 8, d.group() == 3, X87Transfers::prepareDouble);
            case 4 -> image(d, e, false, environmentSize(d) + X87Images.REGISTERS_SIZE, false);
            case 6 -> image(d, e, true, environmentSize(d) + X87Images.REGISTERS_SIZE, false);
            case 7 -> {
                Operand target = e.target(d, 2);
                yield control(false, (cpu, f, at) -> target.write(cpu, f.status(), at));
            }
            default -> null;
        };
    }

    private static @Nullable Instruction memoryDf(Decoded d, Emission e) {
        return switch (d.group()) {
            case 0 -> arithmetic(d, e, 2, (f, v) -> X87Transfers.fild(f, (short) v));
            case 1 -> store(d, e, 2, true, f -> X87Transfers.prepareInteger(f, 16, true));
            case 2, 3 -> store(d, e, 2, d.group() == 3, f -> X87Transfers.prepareInteger(f, 16, false));
            case 4 -> {
                Address address = e.address(d, EXTENDED_SIZE, false);
                yield work(d, (cpu, f, at) -> {
                    long linear = address.linear(cpu);
                    long low = cpu.mmu.load64(linear, at);
                    X87Transfers.fbld(f, low, cpu.mmu.load16(linear + 8, at));
                });
            }
            case 5 -> arithmetic(d, e, 8, X87Transfers::fild);
            case 6 -> storeTen(d, e, X87Transfers::prepareBcd);
            default -> store(d, e, 8, true, f -> X87Transfers.prepareInteger(f, 64, false));
        };
    }

    private static Instruction arithmetic(Decoded d, Emission e, int size, Load load) {
        Operand source = e.source(d, size);
        return work(d, (cpu, f, at) -> load.run(f, source.read(cpu, at)));
    }

    private static Instruction store(Decoded d, Emission e, int size, boolean pop, Prepare prepare) {
        Address address = e.address(d, size, true);
        return work(d, (cpu, f, at) -> {
            long linear = address.linear(cpu);
            cpu.mmu.probeWrite(linear, size, at); // before an exception of the unit's own
            boolean written = prepare.run(f);
            if (written) cpu.mmu.store(linear, X87Transfers.low(f), size, at);
            X87Transfers.finishStore(f, written, pop);
        });
    }

    /** Stores ten bytes and pops: FSTP of 80 bits, FBSTP. */
    private static Instruction storeTen(Decoded d, Emission e, Prepare prepare) {
        Address address = e.address(d, EXTENDED_SIZE, true);
        return work(d, (cpu, f, at) -> {
            long linear = address.linear(cpu);
            cpu.mmu.probeWrite(linear, EXTENDED_SIZE, at);
            boolean written = prepare.run(f);
            if (written) {
                cpu.mmu.store64(linear, X87Transfers.low(f), at);
                cpu.mmu.store16(linear + 8, X87Transfers.high(f), at);
            }
            X87Transfers.finishStore(f, written, true);
        });
    }

    private static int environmentSize(Decoded d) {
        return d.operandSize == 2 ? X87Images.ENVIRONMENT_16 : X87Images.ENVIRONMENT_32;
    }

    /** FLDENV and FNSTENV, FRSTOR and FNSAVE. */
    private static Instruction image(Decoded d, Emission e, boolean stores, int size, boolean environment) {
        Address address = e.address(d, size, stores);
        boolean wide = d.operandSize != 2;
        return control(!stores, (cpu, f, at) -> {
            byte[] bytes = new byte[size];
            MemorySegment segment = MemorySegment.ofArray(bytes);
            boolean real = cpu.realSegments();
            long linear = address.linear(cpu);
            if (!stores) {
                Images.read(cpu, linear, bytes, at);
                if (environment) {
                    X87Images.loadEnvironment(f, segment, wide, real);
                } else {
                    X87Images.restore(f, segment, wide, real);
                }
                return;
            }
            cpu.mmu.probeWrite(linear, size, at);
            if (environment) {
                X87Images.storeEnvironment(f, segment, wide, real);
            } else {
                X87Images.save(f, segment, wide, real);
            }
            Images.write(cpu, linear, bytes, at);
        });
    }

    private static void operateFloat(X87 f, int digit, int bits) {
        if (isCompare(digit)) {
            X87Comparisons.fcomFloat(f, bits, digit - Operation.COMPARE.digit());
        } else {
            X87Arithmetic.operateFloat(f, Operation.of(digit), bits);
        }
    }

    private static void operateDouble(X87 f, int digit, long bits) {
        if (isCompare(digit)) {
            X87Comparisons.fcomDouble(f, bits, digit - Operation.COMPARE.digit());
        } else {
            X87Arithmetic.operateDouble(f, Operation.of(digit), bits);
        }
    }

    private static void operateInteger(X87 f, int digit, int value) {
        if (isCompare(digit)) {
            X87Comparisons.ficom(f, value, digit - Operation.COMPARE.digit());
        } else {
            X87Arithmetic.operateInteger(f, Operation.of(digit), value);
        }
    }

    private static boolean isCompare(int digit) {
        return digit == Operation.COMPARE.digit() || digit == Operation.COMPARE_POP.digit();
    }

    // Register forms, with those that are only in AMD APM vol. 3, appendix A: FCOM2, FCOMP3, FXCH4, FCOMP5, FFREEP,
    // FXCH7, FSTP1,
    // FSTP8 and FSTP9, all of them the same as others

    private static @Nullable Instruction register(Decoded d) {
        int group = d.group();
        int i = d.rm & 7;
        return switch (d.opcode) {
            case 0xD8 ->
                isCompare(group)
                        ? work(d, (cpu, f, at) -> X87Comparisons.fcom(f, i, false, group - 2))
                        : work(d, (cpu, f, at) -> X87Arithmetic.operate(f, Operation.of(group), 0, i, false));
            case 0xDC ->
                isCompare(group)
                        ? work(d, (cpu, f, at) -> X87Comparisons.fcom(f, i, false, group - 2))
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

    /** The operation of the forms that write ST(i), in which the reversed ones have each other's digit. */
    private static Instruction toRegister(Decoded d, int digit, int i, boolean pop) {
        Operation operation = Operation.of(digit >= Operation.SUBTRACT.digit() ? digit ^ 1 : digit);
        return work(d, (cpu, f, at) -> X87Arithmetic.operate(f, operation, i, 0, pop));
    }

    private static @Nullable Instruction registerD9(Decoded d, int group, int i) {
        return switch (group) {
            case 0 -> work(d, (cpu, f, at) -> X87Transfers.fld(f, i));
            case 1 -> work(d, (cpu, f, at) -> X87Transfers.fxch(f, i));
            case 2 -> i == 0 ? work(d, (cpu, f, at) -> {}) : null;
            case 3 -> work(d, (cpu, f, at) -> X87Transfers.fst(f, i, true));
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
                    case 0, 1, 4 -> control(false, (cpu, f, at) -> {}); // FENI, FDISI, FSETPM of the 8087 and 80287
                    case 2 -> control(false, (cpu, f, at) -> f.clearExceptions());
                    case 3 -> control(false, (cpu, f, at) -> f.initialize());
                    default -> null;
                };
            case 5 -> compareToFlags(d, i, true, false);
            case 6 -> compareToFlags(d, i, false, false);
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
            case 0 -> work(d, (cpu, f, at) -> f.free(i));
            case 1 -> work(d, (cpu, f, at) -> X87Transfers.fxch(f, i));
            case 2, 3 -> work(d, (cpu, f, at) -> X87Transfers.fst(f, i, group == 3));
            case 4, 5 -> work(d, (cpu, f, at) -> X87Comparisons.fcom(f, i, true, group - 4));
            default -> null;
        };
    }

    private static @Nullable Instruction registerDf(Decoded d, int group, int i) {
        return switch (group) {
            case 0 -> work(d, (cpu, f, at) -> f.freeAndPop(i));
            case 1 -> work(d, (cpu, f, at) -> X87Transfers.fxch(f, i));
            case 2, 3 -> work(d, (cpu, f, at) -> X87Transfers.fst(f, i, true));
            case 4 ->
                i == 0
                        ? control(
                                false,
                                (cpu, f, at) -> Operand.register(Cpu.RAX, 2).write(cpu, f.status(), at))
                        : null;
            case 5 -> compareToFlags(d, i, true, true);
            case 6 -> compareToFlags(d, i, false, true);
            default -> null;
        };
    }
}
