package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.ReadModifyWrite;

/**
 * Addition to comparison, and multiplication, of any operands: Intel SDM vol. 1, 7.3.2. {@link
 * RegisterArithmetic} and {@link Comparison} have the forms that run most.
 */
public final class Arithmetic {
    // Operations as numbered in opcodes: Intel SDM vol. 2D, table A-6, group 1
    static final int ADD = 0;
    static final int OR = 1;
    static final int ADC = 2;
    static final int SBB = 3;
    static final int AND = 4;
    static final int SUB = 5;
    static final int XOR = 6;
    public static final int CMP = 7;

    private Arithmetic() {}

    /** ADD, OR, ADC, SBB, AND, SUB, XOR. */
    public static final class Binary extends ReadModifyWrite {
        private final int operation;
        private final Operand source;

        public Binary(int operation, Operand target, Operand source, int size) {
            super(target, size);
            this.operation = operation;
            this.source = source;
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            long b = source.read(cpu, this);
            long carry = (operation == ADC || operation == SBB) && Flags.carry(cpu) ? 1 : 0;
            long result = switch (operation) {
                case ADD, ADC -> a + b + carry;
                case SUB, SBB -> a - b - carry;
                case AND -> a & b;
                case OR -> a | b;
                default -> a ^ b;
            };
            switch (operation) {
                case ADD, ADC -> Flags.add(cpu, a, b, result, unused);
                case SUB, SBB -> Flags.sub(cpu, a, b, result, unused);
                default -> Flags.logic(cpu, signed(result));
            }
            return result;
        }

        @Override
        protected boolean emits() {
            return true;
        }

        @Override
        protected Code emit(Code code, int a) {
            int b = source.emitRead(code).keep();
            return switch (operation) {
                case ADD, ADC -> emitSum(code, a, b);
                case SUB, SBB -> emitDifference(code, a, b);
                default -> {
                    code.kept(a).kept(b);
                    int result = (operation == AND ? code.and() : operation == OR ? code.or() : code.xor()).keep();
                    code.flagsOfLogic(code.kept(result).signExtend(unused).keep());
                    yield code.kept(result);
                }
            };
        }

        private Code emitSum(Code code, int a, int b) {
            code.kept(a).kept(b).add();
            if (operation == ADC) code.carry().add();
            int result = code.keep();
            if (operation == ADC) code.flagsOfAddWithCarry(a, b, result, unused);
            else code.flagsOfAdd(a, b, result, unused);
            return code.kept(result);
        }

        private Code emitDifference(Code code, int a, int b) {
            code.kept(a).kept(b).subtract();
            if (operation == SBB) code.carry().subtract();
            int result = code.keep();
            if (operation == SBB) code.flagsOfSubtractWithCarry(a, b, result, unused);
            else code.flagsOfSubtract(a, b, result, unused);
            return code.kept(result);
        }
    }

    /** CMP. */
    public static final class Compare extends Sequential {
        private final Operand left;
        private final Operand right;
        private final int unused;

        public Compare(Operand left, Operand right, int size) {
            this.left = left;
            this.right = right;
            this.unused = Long.SIZE - size * Byte.SIZE;
        }

        @Override
        public void perform(Cpu cpu) {
            long a = left.read(cpu, this);
            long b = right.read(cpu, this);
            Flags.sub(cpu, a, b, a - b, unused);
        }

        @Override
        public void emit(Code code) {
            int a = left.emitRead(code).keep();
            int b = right.emitRead(code).keep();
            code.flagsOfSubtract(a, b, code.kept(a).kept(b).subtract().keep(), unused);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** TEST. */
    public static final class Test extends Sequential {
        private final Operand left;
        private final Operand right;
        private final int unused;

        public Test(Operand left, Operand right, int size) {
            this.left = left;
            this.right = right;
            this.unused = Long.SIZE - size * Byte.SIZE;
        }

        @Override
        public void perform(Cpu cpu) {
            long result = left.read(cpu, this) & right.read(cpu, this);
            Flags.logic(cpu, result << unused >> unused);
        }

        @Override
        public void emit(Code code) {
            int a = left.emitRead(code).keep();
            code.flagsOfLogic(
                    right.emitRead(code).kept(a).and().signExtend(unused).keep());
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** INC and DEC, which leave CF alone. */
    public static final class Step extends ReadModifyWrite {
        private final int step;

        /** Makes one; {@code step} is 1 or -1. */
        public Step(int step, Operand target, int size) {
            super(target, size);
            this.step = step;
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            boolean carry = Flags.carry(cpu);
            long result = a + step;
            if (step > 0) {
                Flags.add(cpu, a, 1, result, unused);
            } else {
                Flags.sub(cpu, a, 1, result, unused);
            }
            Flags.carryAndOverflow(cpu, carry, Flags.overflow(cpu));
            return result;
        }

        @Override
        protected boolean emits() {
            return true;
        }

        @Override
        protected Code emit(Code code, int a) {
            int result = code.kept(a).constant(step).add().keep();
            code.flagsOfStep(step > 0, result, unused);
            return code.kept(result);
        }
    }

    public static final class Not extends ReadModifyWrite {
        public Not(Operand target, int size) {
            super(target, size);
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            return ~a;
        }

        @Override
        protected boolean emits() {
            return true;
        }

        @Override
        protected Code emit(Code code, int a) {
            return code.kept(a).constant(-1).xor();
        }
    }

    public static final class Negate extends ReadModifyWrite {
        public Negate(Operand target, int size) {
            super(target, size);
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            Flags.sub(cpu, 0, a, -a, unused);
            return -a;
        }

        @Override
        protected boolean emits() {
            return true;
        }

        @Override
        protected Code emit(Code code, int a) {
            int zero = code.constant(0).keep();
            int result = code.kept(zero).kept(a).subtract().keep();
            code.flagsOfSubtract(zero, a, result, unused);
            return code.kept(result);
        }
    }

    /** XADD. */
    public static final class ExchangeAdd extends ReadModifyWrite {
        private final Operand source;

        public ExchangeAdd(Operand target, Operand source, int size) {
            super(target, size);
            this.source = source;
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            long b = source.read(cpu, this);
            Flags.add(cpu, a, b, a + b, unused);
            sum = a + b;
            return sum;
        }

        private long sum;

        @Override
        protected boolean emits() {
            return true;
        }

        @Override
        protected Code emit(Code code, int a) {
            int b = source.emitRead(code).keep();
            int result = code.kept(a).kept(b).add().keep();
            code.flagsOfAdd(a, b, result, unused);
            return code.kept(result);
        }

        @Override
        protected void emitFinish(Code code, int old) {
            code.kept(old);
            source.emitWrite(code);
        }

        @Override
        protected void finish(Cpu cpu, long old) {
            source.write(cpu, old, this);
            if (target.getClass() == source.getClass()) target.write(cpu, sum, this); // the same register, perhaps
        }
    }

    /** XCHG; with memory always atomic. */
    public static final class Exchange extends ReadModifyWrite {
        private final Operand source;

        public Exchange(Operand target, Operand source, int size) {
            super(target, size);
            this.source = source;
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            return source.read(cpu, this);
        }

        @Override
        protected boolean emits() {
            return true;
        }

        @Override
        protected Code emit(Code code, int old) {
            return source.emitRead(code);
        }

        @Override
        protected void emitFinish(Code code, int old) {
            code.kept(old);
            source.emitWrite(code);
        }

        @Override
        protected void finish(Cpu cpu, long old) {
            source.write(cpu, old, this);
        }
    }

    /** CMPXCHG. */
    public static final class CompareExchange extends ReadModifyWrite {
        private final Operand source;
        private final Operand accumulator;

        public CompareExchange(Operand target, Operand source, int size) {
            super(target, size);
            this.source = source;
            this.accumulator = Operand.register(Cpu.RAX, size);
        }

        @Override
        protected long compute(Cpu cpu, long old) {
            long expected = accumulator.read(cpu, this);
            Flags.sub(cpu, expected, old, expected - old, unused);
            return expected == old ? source.read(cpu, this) : old;
        }

        @Override
        protected boolean emits() {
            return target instanceof Operand.Memory;
        }

        @Override
        protected Code emit(Code code, int old) {
            int expected = accumulator.emitRead(code).keep();
            int difference = code.kept(expected).kept(old).subtract().keep();
            code.flagsOfSubtract(expected, old, difference, unused);
            code.kept(old);
            return source.emitRead(code).selectIfZero(difference);
        }

        /** Leaves all of the accumulator alone if it is as expected. */
        @Override
        protected void emitFinish(Code code, int old) {
            if (size < Integer.BYTES) {
                code.kept(old);
                accumulator.emitWrite(code);
                return;
            }
            int difference = accumulator.emitRead(code).kept(old).subtract().keep();
            code.kept(old).get(Cpu.RAX).selectIfZero(difference).set(Cpu.RAX);
        }

        @Override
        protected boolean writes(Cpu cpu) {
            return target instanceof Operand.Memory || Flags.zero(cpu);
        }

        @Override
        protected void finish(Cpu cpu, long old) {
            if (!Flags.zero(cpu)) accumulator.write(cpu, old, this);
        }
    }

    /** IMUL with two or three operands. */
    public static final class Multiply extends Sequential {
        private final Operand target;
        private final Operand left;
        private final Operand right;
        private final int size;

        public Multiply(Operand target, Operand left, Operand right, int size) {
            this.target = target;
            this.left = left;
            this.right = right;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            int unused = Long.SIZE - size * Byte.SIZE;
            long a = left.read(cpu, this) << unused >> unused;
            long b = right.read(cpu, this) << unused >> unused;
            long product = a * b;
            long kept = product << unused >> unused;
            boolean overflow = size == 8 ? Math.multiplyHigh(a, b) != product >> 63 : kept != product;
            target.write(cpu, product, this);
            Flags.result(cpu, kept, overflow, overflow);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
