package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.RegisterOnly;

/**
 * CMP and TEST of registers, of any size. The conditional branch that follows most of them becomes
 * one instruction with them. Only the low bits of a register count, so the high bytes are not for
 * these.
 */
public abstract class Comparison extends Sequential implements RegisterOnly {
    final byte left;

    /** Bits of a long that the operands do not have. */
    final byte unused;

    Comparison(int left, int size) {
        this.left = (byte) left;
        this.unused = (byte) (Long.SIZE - size * Byte.SIZE);
    }

    @Override
    public final FlagUse flagUse() {
        return FlagUse.OVERWRITES;
    }

    /** This and the Jcc after it; parameters as of {@link Branches.Direct}. */
    public abstract Instruction with(int condition, CodePage page, int following, int target, int operandSize);

    /** A comparison of two registers. */
    public static Comparison compare(int left, int right, int size) {
        return new Compare(left, right, size);
    }

    public static Comparison compareImmediate(int left, int immediate, int size) {
        return new CompareImmediate(left, immediate, size);
    }

    public static Comparison test(int left, int right, int size) {
        return new Test(left, right, size);
    }

    public static Comparison testImmediate(int left, int immediate, int size) {
        return new TestImmediate(left, immediate, size);
    }

    static void compare(Code code, int left, int b, int unused) {
        int a = code.get(left).keep();
        int result = code.kept(a).kept(b).subtract().keep();
        code.flagsOfSubtract(a, b, result, unused);
    }

    private static final class Compare extends Comparison {
        private final byte right;

        Compare(int left, int right, int size) {
            super(left, size);
            this.right = (byte) right;
        }

        @Override
        public void perform(Cpu cpu) {
            long a = cpu.r[left];
            long b = cpu.r[right];
            Flags.sub(cpu, a, b, a - b, unused);
        }

        @Override
        public void emit(Code code) {
            compare(code, left, code.get(right).keep(), unused);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction with(int condition, CodePage page, int following, int target, int operandSize) {
            return new CompareBranch(this, condition, page, following, target, operandSize);
        }
    }

    private static final class CompareImmediate extends Comparison {
        private final int b;

        CompareImmediate(int left, int immediate, int size) {
            super(left, size);
            this.b = immediate;
        }

        @Override
        public void perform(Cpu cpu) {
            long a = cpu.r[left];
            Flags.sub(cpu, a, b, a - b, unused);
        }

        @Override
        public void emit(Code code) {
            compare(code, left, code.constant(b).keep(), unused);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction with(int condition, CodePage page, int following, int target, int operandSize) {
            return new CompareImmediateBranch(this, condition, page, following, target, operandSize);
        }
    }

    private static final class Test extends Comparison {
        private final byte right;

        Test(int left, int right, int size) {
            super(left, size);
            this.right = (byte) right;
        }

        @Override
        public void perform(Cpu cpu) {
            Flags.logic(cpu, (cpu.r[left] & cpu.r[right]) << unused >> unused);
        }

        @Override
        public void emit(Code code) {
            code.flagsOfLogic(code.get(left).get(right).and().signExtend(unused).keep());
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction with(int condition, CodePage page, int following, int target, int operandSize) {
            return new TestBranch(this, condition, page, following, target, operandSize);
        }
    }

    private static final class TestImmediate extends Comparison {
        private final int b;

        TestImmediate(int left, int immediate, int size) {
            super(left, size);
            this.b = immediate;
        }

        @Override
        public void perform(Cpu cpu) {
            Flags.logic(cpu, (cpu.r[left] & b) << unused >> unused);
        }

        @Override
        public void emit(Code code) {
            code.flagsOfLogic(
                    code.get(left).constant(b).and().signExtend(unused).keep());
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public Instruction with(int condition, CodePage page, int following, int target, int operandSize) {
            return new TestImmediateBranch(this, condition, page, following, target, operandSize);
        }
    }

    // With a branch

    /** The flags come first, whatever becomes of the branch. */
    private abstract static class AndBranch extends Branches.If implements RegisterOnly {
        AndBranch(int condition, CodePage page, int following, int target, int operandSize) {
            super(condition, page, following, target, operandSize);
        }

        @Override
        public final FlagUse flagUse() {
            return FlagUse.OVERWRITES;
        }
    }

    private static final class CompareBranch extends AndBranch {
        private final byte left;
        private final byte right;
        private final byte unused;

        CompareBranch(Compare compare, int condition, CodePage page, int following, int target, int operandSize) {
            super(condition, page, following, target, operandSize);
            this.left = compare.left;
            this.right = compare.right;
            this.unused = compare.unused;
        }

        @Override
        public Block execute(Cpu cpu) {
            long a = cpu.r[left];
            long b = cpu.r[right];
            Flags.sub(cpu, a, b, a - b, unused);
            return branch(cpu);
        }

        @Override
        public void emit(Code code) {
            compare(code, left, code.get(right).keep(), unused);
            code.branch(condition, this);
        }
    }

    private static final class CompareImmediateBranch extends AndBranch {
        private final byte left;
        private final byte unused;
        private final int b;

        CompareImmediateBranch(
                CompareImmediate compare, int condition, CodePage page, int following, int target, int operandSize) {
            super(condition, page, following, target, operandSize);
            this.left = compare.left;
            this.unused = compare.unused;
            this.b = compare.b;
        }

        @Override
        public Block execute(Cpu cpu) {
            long a = cpu.r[left];
            Flags.sub(cpu, a, b, a - b, unused);
            return branch(cpu);
        }

        @Override
        public void emit(Code code) {
            compare(code, left, code.constant(b).keep(), unused);
            code.branch(condition, this);
        }
    }

    private static final class TestBranch extends AndBranch {
        private final byte left;
        private final byte right;
        private final byte unused;

        TestBranch(Test test, int condition, CodePage page, int following, int target, int operandSize) {
            super(condition, page, following, target, operandSize);
            this.left = test.left;
            this.right = test.right;
            this.unused = test.unused;
        }

        @Override
        public Block execute(Cpu cpu) {
            Flags.logic(cpu, (cpu.r[left] & cpu.r[right]) << unused >> unused);
            return branch(cpu);
        }

        @Override
        public void emit(Code code) {
            code.flagsOfLogic(code.get(left).get(right).and().signExtend(unused).keep());
            code.branch(condition, this);
        }
    }

    private static final class TestImmediateBranch extends AndBranch {
        private final byte left;
        private final byte unused;
        private final int b;

        TestImmediateBranch(
                TestImmediate test, int condition, CodePage page, int following, int target, int operandSize) {
            super(condition, page, following, target, operandSize);
            this.left = test.left;
            this.unused = test.unused;
            this.b = test.b;
        }

        @Override
        public Block execute(Cpu cpu) {
            Flags.logic(cpu, (cpu.r[left] & b) << unused >> unused);
            return branch(cpu);
        }

        @Override
        public void emit(Code code) {
            code.flagsOfLogic(
                    code.get(left).constant(b).and().signExtend(unused).keep());
            code.branch(condition, this);
        }
    }
}
