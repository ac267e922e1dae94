package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.RegisterOnly;
import org.jspecify.annotations.Nullable;

/**
 * Arithmetic on registers of 32 and 64 bits, as most of it is: a class for an operation, for both
 * sizes. An operand in memory is loaded into {@link Cpu#OPERAND} before, and stored after, by
 * instructions of their own, so that it is a register here. What these do is in {@link Arithmetic},
 * too; the tests hold the two together.
 */
public final class RegisterArithmetic {
    private RegisterArithmetic() {}

    /** A register and a register; the operation is as in group 1, but not CMP. */
    public static Instruction registers(int operation, int target, int source, int size) {
        return switch (operation) {
            case Arithmetic.ADD -> new Add(target, target, source, size);
            case Arithmetic.OR -> new Or(target, target, source, size);
            case Arithmetic.AND -> new And(target, target, source, size);
            case Arithmetic.SUB -> new Subtract(target, target, source, size);
            case Arithmetic.XOR -> new Xor(target, target, source, size);
            default -> new WithCarry(operation == Arithmetic.ADC, target, target, source, size);
        };
    }

    /** A register and an immediate, or null for what is rare with one. */
    public static @Nullable Instruction immediate(int operation, int target, int immediate, int size) {
        return switch (operation) {
            case Arithmetic.ADD -> new AddImmediate(target, target, immediate, size);
            case Arithmetic.AND -> new AndImmediate(target, target, immediate, size);
            case Arithmetic.SUB -> new SubtractImmediate(target, target, immediate, size);
            default -> null;
        };
    }

    /** An operation that leaves its result in a register. */
    abstract static class ToRegister extends Sequential implements RegisterOnly {
        final byte target;

        /**
         * What the operation is done to: of an instruction the target, unless it was moved there
         * just before.
         */
        final byte left;

        /** Bits of a long that the operand does not have. */
        final byte unused;

        ToRegister(int target, int left, int size) {
            this.target = (byte) target;
            this.left = (byte) left;
            this.unused = (byte) (Long.SIZE - size * Byte.SIZE);
        }

        /** The result without the bits that the operand does not have: they become 0. */
        final long kept(long result) {
            return result << unused >>> unused;
        }

        /** Bytes of the operand. */
        final int size() {
            return (Long.SIZE - unused) / Byte.SIZE;
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.OVERWRITES;
        }

        @Override
        public @Nullable Instruction afterMove(int to, int from, int bits) {
            return to == target && left == target && bits >= size() * Byte.SIZE ? of(from) : null;
        }

        /** The same operation, done to another register. */
        abstract Instruction of(int otherLeft);

        /** A sum of registers and a constant as LEA would do it. */
        final Instruction sum(int base, int index, long displacement) {
            return new Moves.LoadAddress(target, new Address(base, index, 0, displacement), -1L >>> unused);
        }
    }

    /** One with another register as its source. */
    abstract static class FromRegister extends ToRegister {
        final byte source;

        FromRegister(int target, int left, int source, int size) {
            super(target, left, size);
            this.source = (byte) source;
        }

        @Override
        public final @Nullable Instruction afterMove(int to, int from, int bits) {
            return source == to ? null : super.afterMove(to, from, bits);
        }
    }

    /** One with an immediate. */
    private abstract static class FromImmediate extends ToRegister {
        final int b;

        FromImmediate(int target, int left, int immediate, int size) {
            super(target, left, size);
            this.b = immediate;
        }
    }

    private static final class Add extends FromRegister {
        Add(int target, int left, int source, int size) {
            super(target, left, source, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long b = r[source];
            long result = a + b;
            Flags.add(cpu, a, b, result, unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int a = code.get(left).keep();
            int b = code.get(source).keep();
            int result = code.kept(a).kept(b).add().keep();
            code.flagsOfAdd(a, b, result, unused);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction withoutFlags() {
            return sum(left, source, 0);
        }

        @Override
        Instruction of(int otherLeft) {
            return new Add(target, otherLeft, source, size());
        }
    }

    private static final class AddImmediate extends FromImmediate {
        AddImmediate(int target, int left, int immediate, int size) {
            super(target, left, immediate, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long result = a + b;
            Flags.add(cpu, a, b, result, unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int a = code.get(left).keep();
            int immediate = code.constant(b).keep();
            int result = code.kept(a).kept(immediate).add().keep();
            code.flagsOfAdd(a, immediate, result, unused);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction withoutFlags() {
            return sum(left, Cpu.ZERO, b);
        }

        @Override
        Instruction of(int otherLeft) {
            return new AddImmediate(target, otherLeft, b, size());
        }
    }

    private static final class Subtract extends FromRegister {
        Subtract(int target, int left, int source, int size) {
            super(target, left, source, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long b = r[source];
            long result = a - b;
            Flags.sub(cpu, a, b, result, unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int a = code.get(left).keep();
            int b = code.get(source).keep();
            int result = code.kept(a).kept(b).subtract().keep();
            code.flagsOfSubtract(a, b, result, unused);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction withoutFlags() {
            return new SubtractAlone(target, left, source, unused);
        }

        @Override
        Instruction of(int otherLeft) {
            return new Subtract(target, otherLeft, source, size());
        }
    }

    private static final class SubtractImmediate extends FromImmediate {
        SubtractImmediate(int target, int left, int immediate, int size) {
            super(target, left, immediate, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long result = a - b;
            Flags.sub(cpu, a, b, result, unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int a = code.get(left).keep();
            int immediate = code.constant(b).keep();
            int result = code.kept(a).kept(immediate).subtract().keep();
            code.flagsOfSubtract(a, immediate, result, unused);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction withoutFlags() {
            return sum(left, Cpu.ZERO, -(long) b);
        }

        @Override
        Instruction of(int otherLeft) {
            return new SubtractImmediate(target, otherLeft, b, size());
        }
    }

    private static final class And extends FromRegister {
        And(int target, int left, int source, int size) {
            super(target, left, source, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long b = r[source];
            long result = a & b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int result = code.get(left).get(source).and().signExtend(unused).keep();
            code.flagsOfLogic(result);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        Instruction of(int otherLeft) {
            return new And(target, otherLeft, source, size());
        }
    }

    private static final class AndImmediate extends FromImmediate {
        AndImmediate(int target, int left, int immediate, int size) {
            super(target, left, immediate, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long result = a & b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int result = code.get(left).constant(b).and().signExtend(unused).keep();
            code.flagsOfLogic(result);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        Instruction of(int otherLeft) {
            return new AndImmediate(target, otherLeft, b, size());
        }
    }

    private static final class Or extends FromRegister {
        Or(int target, int left, int source, int size) {
            super(target, left, source, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long b = r[source];
            long result = a | b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int result = code.get(left).get(source).or().signExtend(unused).keep();
            code.flagsOfLogic(result);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        Instruction of(int otherLeft) {
            return new Or(target, otherLeft, source, size());
        }
    }

    private static final class Xor extends FromRegister {
        Xor(int target, int left, int source, int size) {
            super(target, left, source, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long b = r[source];
            long result = a ^ b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int result = code.get(left).get(source).xor().signExtend(unused).keep();
            code.flagsOfLogic(result);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        Instruction of(int otherLeft) {
            return new Xor(target, otherLeft, source, size());
        }
    }

    /** ADC and SBB. */
    private static final class WithCarry extends FromRegister {
        private final boolean adds;

        WithCarry(boolean adds, int target, int left, int source, int size) {
            super(target, left, source, size);
            this.adds = adds;
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left];
            long b = r[source];
            long carry = Flags.carryBit(cpu);
            long result;
            if (adds) {
                result = a + b + carry;
                Flags.add(cpu, a, b, result, unused);
            } else {
                result = a - b - carry;
                Flags.sub(cpu, a, b, result, unused);
            }
            r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int a = code.get(left).keep();
            int b = code.get(source).keep();
            int carry = code.carry().keep();
            if (adds) {
                int sum = code.kept(a).kept(b).add().kept(carry).add().keep();
                code.flagsOfAddWithCarry(a, b, sum, unused);
                code.kept(sum);
            } else {
                int difference =
                        code.kept(a).kept(b).subtract().kept(carry).subtract().keep();
                code.flagsOfSubtractWithCarry(a, b, difference, unused);
                code.kept(difference);
            }
            code.zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NEEDS;
        }

        @Override
        Instruction of(int otherLeft) {
            return new WithCarry(adds, target, otherLeft, source, size());
        }
    }

    /** INC and DEC. */
    public static final class Step extends ToRegister {
        private final byte step;

        /** Makes one; {@code step} is 1 or -1. */
        public Step(int step, int target, int size) {
            this(step, target, target, size);
        }

        private Step(int step, int target, int left, int size) {
            super(target, left, size);
            this.step = (byte) step;
        }

        @Override
        public void perform(Cpu cpu) {
            long a = cpu.r[left];
            long before = cpu.flagCarry;
            long result = a + step;
            if (step > 0) {
                Flags.add(cpu, a, 1, result, unused);
            } else {
                Flags.sub(cpu, a, 1, result, unused);
            }
            Flags.keepCarry(cpu, before);
            cpu.r[target] = kept(result);
        }

        @Override
        public void emit(Code code) {
            int result = code.get(left).constant(step).add().keep();
            code.flagsOfStep(step > 0, result, unused);
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NEEDS;
        }

        @Override
        Instruction of(int otherLeft) {
            return new Step(step, target, otherLeft, size());
        }
    }

    /** IMUL with two or three operands. */
    public static final class Multiply extends FromRegister {
        public Multiply(int target, int left, int right, int size) {
            super(target, left, right, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left] << unused >> unused;
            long b = r[source] << unused >> unused;
            long product = a * b;
            long signed = product << unused >> unused;
            r[target] = kept(product);
            Flags.multiplied(cpu, signed, (signed ^ product) | (Math.multiplyHigh(a, b) ^ product >> 63));
        }

        @Override
        public void emit(Code code) {
            int a = code.get(left).signExtend(unused).keep();
            int b = code.get(source).signExtend(unused).keep();
            int product = code.kept(a).kept(b).multiply().keep();
            code.kept(product).zeroExtend(unused).set(target);
            int signed = code.kept(product).signExtend(unused).keep();
            code.kept(signed);
            code.kept(signed).kept(product).xor();
            code.kept(a)
                    .kept(b)
                    .multiplyHigh()
                    .kept(product)
                    .shiftRight(Long.SIZE - 1)
                    .xor()
                    .or();
            int lost = code.keep();
            code.constant(0).kept(lost).subtract().kept(lost).or();
            code.constant(Long.MIN_VALUE).and().setFlags();
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction withoutFlags() {
            return new MultiplyAlone(target, left, source, unused);
        }

        @Override
        Instruction of(int otherLeft) {
            return new Multiply(target, otherLeft, source, size());
        }
    }

    // Without flags, where nothing reads them

    /** One of two sources. */
    private abstract static class Alone extends Sequential implements RegisterOnly {
        final byte target;
        final byte left;
        final byte right;
        final byte unused;

        Alone(byte target, byte left, byte right, byte unused) {
            this.target = target;
            this.left = left;
            this.right = right;
            this.unused = unused;
        }

        @Override
        public final FlagUse flagUse() {
            return FlagUse.NONE;
        }
    }

    private static final class SubtractAlone extends Alone {
        SubtractAlone(byte target, byte left, byte right, byte unused) {
            super(target, left, right, unused);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = (r[left] - r[right]) << unused >>> unused;
        }

        @Override
        public void emit(Code code) {
            code.get(left).get(right).subtract().zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    private static final class MultiplyAlone extends Alone {
        MultiplyAlone(byte target, byte left, byte right, byte unused) {
            super(target, left, right, unused);
        }

        @Override
        public void perform(Cpu cpu) {
            long[] r = cpu.r;
            r[target] = (r[left] * r[right]) << unused >>> unused;
        }

        @Override
        public void emit(Code code) {
            code.get(left).get(right).multiply().zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
