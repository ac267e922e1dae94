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
 * Shifts and rotations of registers of 32 and 64 bits by a constant that is not 0, as most of them
 * are.
 */
public final class RegisterShifts {
    private RegisterShifts() {}

    /** One of these, or null for RCL and RCR. */
    public static @Nullable Instruction constant(int operation, int target, int count, int size) {
        return switch (operation) {
            case Shifts.ROL -> new RotateLeft(target, target, count, size);
            case Shifts.ROR -> new RotateRight(target, target, count, size);
            case Shifts.SHL, Shifts.SAL -> new Left(target, target, count, size);
            case Shifts.SHR -> new Right(target, target, count, size);
            case Shifts.SAR -> new RightSigned(target, target, count, size);
            default -> null;
        };
    }

    private abstract static class Constant extends Sequential implements RegisterOnly {
        final byte target;

        /** What is shifted: of an instruction the target, unless it was moved there just before. */
        final byte left;

        final byte count;

        /** Bits of a long that the operand does not have. */
        final byte unused;

        Constant(int target, int left, int count, int size) {
            this.target = (byte) target;
            this.left = (byte) left;
            this.count = (byte) count;
            this.unused = (byte) (Long.SIZE - size * Byte.SIZE);
        }

        final int size() {
            return (Long.SIZE - unused) / Byte.SIZE;
        }

        @Override
        public final @Nullable Instruction afterMove(int to, int from, int bits) {
            return to == target && left == target && bits >= size() * Byte.SIZE ? of(from) : null;
        }

        /** Rotates to the left; returns a temporary with the result in its high bits. */
        final int emitRotated(Code code, int by) {
            int value = code.get(left).zeroExtend(unused).keep();
            code.kept(value).shiftLeft(by);
            code.kept(value).shiftRightUnsigned(Long.SIZE - unused - by);
            return code.or().shiftLeft(unused).keep();
        }

        /** The flags of {@link Flags#rotated}: temporaries with CF in bit 63, and the other in bit 62. */
        static void emitFlags(Code code, int carryOut, int carryIn) {
            code.flagCarry().constant(-1L >>> 2).and();
            code.kept(carryOut).or().kept(carryIn).or().setFlagCarry();
        }

        /** The same operation, done to another register. */
        abstract Instruction of(int otherLeft);
    }

    private static final class Left extends Constant {
        Left(int target, int left, int count, int size) {
            super(target, left, count, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long top = cpu.r[left] << unused; // the operand in the high bits
            long result = top << count;
            Flags.shifted(cpu, result >> unused, top << (count - 1) >>> 63, result >>> 63);
            cpu.r[target] = result >>> unused;
        }

        @Override
        public void emit(Code code) {
            int top = code.get(left).shiftLeft(unused).keep();
            int result = code.kept(top).shiftLeft(count).keep();
            code.kept(result).shiftRight(unused);
            code.kept(top).shiftLeft(count - 1).constant(Long.MIN_VALUE).and();
            code.kept(result)
                    .constant(Long.MIN_VALUE)
                    .and()
                    .shiftRightUnsigned(1)
                    .or()
                    .setFlags();
            code.kept(result).shiftRightUnsigned(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.OVERWRITES;
        }

        @Override
        public Instruction withoutFlags() {
            return new Moves.LoadAddress(target, new Address(Cpu.ZERO, left, count, 0), -1L >>> unused);
        }

        @Override
        Instruction of(int otherLeft) {
            return new Left(target, otherLeft, count, size());
        }
    }

    private static final class Right extends Constant {
        Right(int target, int left, int count, int size) {
            super(target, left, count, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long top = cpu.r[left] << unused;
            long result = top >>> unused >>> count;
            long out = (top >>> unused >>> (count - 1)) & 1;
            Flags.shifted(cpu, result, out, out ^ (top >>> 63));
            cpu.r[target] = result;
        }

        @Override
        public void emit(Code code) {
            int value = code.get(left).zeroExtend(unused).keep();
            int result = code.kept(value).shiftRightUnsigned(count).keep();
            int out = code.kept(value)
                    .shiftRightUnsigned(count - 1)
                    .constant(1)
                    .and()
                    .keep();
            int top =
                    code.kept(value).shiftRightUnsigned(Long.SIZE - 1 - unused).keep();
            code.kept(result);
            code.kept(out)
                    .shiftLeft(63)
                    .kept(out)
                    .kept(top)
                    .xor()
                    .shiftLeft(62)
                    .or()
                    .setFlags();
            code.kept(result).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.OVERWRITES;
        }

        @Override
        public Instruction withoutFlags() {
            return new RightAlone(target, left, count, unused);
        }

        @Override
        Instruction of(int otherLeft) {
            return new Right(target, otherLeft, count, size());
        }
    }

    /** SHR where nothing reads the flags. */
    private static final class RightAlone extends Sequential implements RegisterOnly {
        private final byte target;
        private final byte left;
        private final byte count;
        private final byte unused;

        RightAlone(byte target, byte left, byte count, byte unused) {
            this.target = target;
            this.left = left;
            this.count = count;
            this.unused = unused;
        }

        @Override
        public void perform(Cpu cpu) {
            cpu.r[target] = cpu.r[left] << unused >>> unused >>> count;
        }

        @Override
        public void emit(Code code) {
            code.get(left).zeroExtend(unused).shiftRightUnsigned(count).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.NONE;
        }
    }

    private static final class RightSigned extends Constant {
        RightSigned(int target, int left, int count, int size) {
            super(target, left, count, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long value = cpu.r[left] << unused >> unused;
            long result = value >> count;
            long out = (value >> (count - 1)) & 1;
            Flags.shifted(cpu, result, out, out);
            cpu.r[target] = result << unused >>> unused;
        }

        @Override
        public void emit(Code code) {
            int value = code.get(left).signExtend(unused).keep();
            int result = code.kept(value).shiftRight(count).keep();
            int out = code.kept(value).shiftRight(count - 1).constant(1).and().keep();
            code.kept(result);
            code.kept(out).shiftLeft(63).kept(out).shiftLeft(62).or().setFlags();
            code.kept(result).zeroExtend(unused).set(target);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        @Override
        public FlagUse flagUse() {
            return FlagUse.OVERWRITES;
        }

        @Override
        Instruction of(int otherLeft) {
            return new RightSigned(target, otherLeft, count, size());
        }
    }

    private static final class RotateLeft extends Constant {
        RotateLeft(int target, int left, int count, int size) {
            super(target, left, count, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long value = cpu.r[left] << unused >>> unused;
            long top = ((value << count) | (value >>> (Long.SIZE - unused - count))) << unused;
            Flags.rotated(cpu, top >>> unused & 1, top >>> 63);
            cpu.r[target] = top >>> unused;
        }

        @Override
        public void emit(Code code) {
            int top = emitRotated(code, count);
            int carry = code.kept(top)
                    .shiftLeft(Long.SIZE - 1 - unused)
                    .constant(Long.MIN_VALUE)
                    .and()
                    .keep();
            int below = code.kept(top)
                    .constant(Long.MIN_VALUE)
                    .and()
                    .shiftRightUnsigned(1)
                    .keep();
            emitFlags(code, carry, below);
            code.kept(top).shiftRightUnsigned(unused).set(target);
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
            return new RotateLeft(target, otherLeft, count, size());
        }
    }

    private static final class RotateRight extends Constant {
        RotateRight(int target, int left, int count, int size) {
            super(target, left, count, size);
        }

        @Override
        public void perform(Cpu cpu) {
            long value = cpu.r[left] << unused >>> unused;
            long top = ((value >>> count) | (value << (Long.SIZE - unused - count))) << unused;
            Flags.rotated(cpu, top >>> 63, top << 1 >>> 63);
            cpu.r[target] = top >>> unused;
        }

        @Override
        public void emit(Code code) {
            int top = emitRotated(code, Long.SIZE - unused - count);
            int carry = code.kept(top).constant(Long.MIN_VALUE).and().keep();
            int below = code.kept(top).constant(Long.MIN_VALUE >>> 1).and().keep();
            emitFlags(code, carry, below);
            code.kept(top).shiftRightUnsigned(unused).set(target);
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
            return new RotateRight(target, otherLeft, count, size());
        }
    }
}
