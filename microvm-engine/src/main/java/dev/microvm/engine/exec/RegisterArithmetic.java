package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import org.jspecify.annotations.Nullable;

/**
 * Arithmetic on registers of 32 and 64 bits, as most of it is: a class for an operation, for both sizes. An operand in
 * memory is loaded into {@link Cpu#OPERAND} before, and stored after, by instructions of their own, so that it is a
 * register here. What these do is in {@link Arithmetic}, too; the tests hold the two together.
 */
final class RegisterArithmetic {
    private RegisterArithmetic() {}

    /** A register and a register; the operation is as in group 1, but not CMP. */
    static Instruction registers(int operation, int target, int source, int size) {
        return switch (operation) {
            case Arithmetic.ADD -> new Add(target, source, size);
            case Arithmetic.OR -> new Or(target, source, size);
            case Arithmetic.AND -> new And(target, source, size);
            case Arithmetic.SUB -> new Subtract(target, source, size);
            case Arithmetic.XOR -> new Xor(target, source, size);
            default -> new WithCarry(operation == Arithmetic.ADC, target, source, size);
        };
    }

    /** A register and an immediate, or null for what is rare with one. */
    static @Nullable Instruction immediate(int operation, int target, int immediate, int size) {
        return switch (operation) {
            case Arithmetic.ADD -> new AddImmediate(target, immediate, size);
            case Arithmetic.AND -> new AndImmediate(target, immediate, size);
            case Arithmetic.SUB -> new SubtractImmediate(target, immediate, size);
            default -> null;
        };
    }

    /** An operation that leaves its result in a register. */
    abstract static class ToRegister extends Instruction {
        final byte target;

        /** Bits of a long that the operand does not have. */
        final byte unused;

        ToRegister(int target, int size) {
            this.target = (byte) target;
            this.unused = (byte) (Long.SIZE - size * Byte.SIZE);
        }

        /** The result without the bits that the operand does not have: they become 0. */
        final long kept(long result) {
            return result << unused >>> unused;
        }
    }

    /** One with another register as its source. */
    abstract static class FromRegister extends ToRegister {
        final byte source;

        FromRegister(int target, int source, int size) {
            super(target, size);
            this.source = (byte) source;
        }
    }

    /** One with an immediate. */
    private abstract static class FromImmediate extends ToRegister {
        final int b;

        FromImmediate(int target, int immediate, int size) {
            super(target, size);
            this.b = immediate;
        }
    }

    private static final class Add extends FromRegister {
        Add(int target, int source, int size) {
            super(target, source, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long b = r[source];
            long result = a + b;
            Flags.add(cpu, a, b, result, unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    private static final class AddImmediate extends FromImmediate {
        AddImmediate(int target, int immediate, int size) {
            super(target, immediate, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long result = a + b;
            Flags.add(cpu, a, b, result, unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    private static final class Subtract extends FromRegister {
        Subtract(int target, int source, int size) {
            super(target, source, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long b = r[source];
            long result = a - b;
            Flags.sub(cpu, a, b, result, unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    private static final class SubtractImmediate extends FromImmediate {
        SubtractImmediate(int target, int immediate, int size) {
            super(target, immediate, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long result = a - b;
            Flags.sub(cpu, a, b, result, unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    private static final class And extends FromRegister {
        And(int target, int source, int size) {
            super(target, source, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long b = r[source];
            long result = a & b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    private static final class AndImmediate extends FromImmediate {
        AndImmediate(int target, int immediate, int size) {
            super(target, immediate, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long result = a & b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    private static final class Or extends FromRegister {
        Or(int target, int source, int size) {
            super(target, source, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long b = r[source];
            long result = a | b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    private static final class Xor extends FromRegister {
        Xor(int target, int source, int size) {
            super(target, source, size);
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
            long b = r[source];
            long result = a ^ b;
            Flags.logic(cpu, result << unused >> unused);
            r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    /** ADC and SBB. */
    private static final class WithCarry extends FromRegister {
        private final boolean adds;

        WithCarry(boolean adds, int target, int source, int size) {
            super(target, source, size);
            this.adds = adds;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[target];
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
            return next.execute(cpu);
        }
    }

    /** INC and DEC. */
    static final class Step extends ToRegister {
        private final byte step;

        /** Makes one; {@code step} is 1 or -1. */
        Step(int step, int target, int size) {
            super(target, size);
            this.step = (byte) step;
        }

        @Override
        public Block execute(Cpu cpu) {
            long a = cpu.r[target];
            long before = cpu.flagCarry;
            long result = a + step;
            if (step > 0) {
                Flags.add(cpu, a, 1, result, unused);
            } else {
                Flags.sub(cpu, a, 1, result, unused);
            }
            Flags.keepCarry(cpu, before);
            cpu.r[target] = kept(result);
            return next.execute(cpu);
        }
    }

    /** IMUL with two or three operands. */
    static final class Multiply extends FromRegister {
        private final byte left;

        Multiply(int target, int left, int right, int size) {
            super(target, right, size);
            this.left = (byte) left;
        }

        @Override
        public Block execute(Cpu cpu) {
            long[] r = cpu.r;
            long a = r[left] << unused >> unused;
            long b = r[source] << unused >> unused;
            long product = a * b;
            long signed = product << unused >> unused;
            boolean overflow = signed != product || Math.multiplyHigh(a, b) != product >> 63;
            r[target] = kept(product);
            Flags.result(cpu, signed, overflow, overflow);
            return next.execute(cpu);
        }
    }
}
