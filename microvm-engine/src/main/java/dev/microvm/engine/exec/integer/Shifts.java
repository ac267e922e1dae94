package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.ReadModifyWrite;

/**
 * Shifts and rotations of any operands: Intel SDM vol. 1, 7.3.6. {@link RegisterShifts} has the
 * forms that run most.
 */
public final class Shifts {
    // Operations as numbered in group 2: Intel SDM vol. 2D, table A-6
    static final int ROL = 0;
    static final int ROR = 1;
    static final int RCL = 2;
    static final int RCR = 3;
    static final int SHL = 4;
    static final int SHR = 5;
    static final int SAL = 6;
    static final int SAR = 7;

    /** The bits of {@code flagCarry} that CF and OF are made of. */
    private static final long CARRIES = 0b11L << 62;

    private Shifts() {}

    /** Group 2. */
    public static final class General extends ReadModifyWrite {
        private final int operation;
        private final Operand count;

        public General(int operation, Operand target, Operand count, int size) {
            super(target, size);
            this.operation = operation;
            this.count = count;
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            int n = (int) count.read(cpu, this) & (size == 8 ? 0x3F : 0x1F);
            if (n == 0) return a;
            return switch (operation) {
                case ROL -> rotateLeft(cpu, a, n);
                case ROR -> rotateRight(cpu, a, n);
                case RCL -> rotateCarryLeft(cpu, a, n);
                case RCR -> rotateCarryRight(cpu, a, n);
                case SHR -> shiftRight(cpu, a, n);
                case SAR -> shiftRightSigned(cpu, a, n);
                default -> shiftLeft(cpu, a, n);
            };
        }

        @Override
        protected boolean emits() {
            return operation != RCL && operation != RCR;
        }

        @Override
        protected Code emit(Code code, int a) {
            int n = count.emitRead(code).constant(size == 8 ? 0x3F : 0x1F).and().keep();
            return operation < RCL ? emitRotation(code, a, n) : emitShift(code, a, n);
        }

        private Code emitRotation(Code code, int a, int n) {
            int by = code.kept(n).constant(bits() - 1L).and().keep();
            int rest = code.constant(bits()).kept(by).subtract().keep();
            code.kept(a).kept(operation == ROL ? by : rest).shiftLeft();
            code.kept(a).kept(operation == ROL ? rest : by).shiftRightUnsigned();
            int result = code.or().zeroExtend(unused).keep();
            code.flagCarry().constant(~CARRIES).and();
            if (operation == ROL) { // CF is the lowest bit, CF exclusive-or OF the highest
                code.kept(result).shiftLeft(Long.SIZE - 1);
                code.kept(result).shiftLeft(unused).constant(Long.MIN_VALUE).and();
                code.shiftRightUnsigned(1).or();
            } else { // CF is the highest bit, CF exclusive-or OF the one below
                code.kept(result).shiftLeft(unused).constant(CARRIES).and();
            }
            code.or().flagCarry().selectIfZero(n).setFlagCarry();
            return code.kept(result);
        }

        private Code emitShift(Code code, int a, int n) {
            int value = operation == SAR ? code.kept(a).signExtend(unused).keep() : a;
            code.kept(value).kept(n);
            int result = (operation == SHR
                            ? code.shiftRightUnsigned()
                            : operation == SAR ? code.shiftRight() : code.shiftLeft())
                    .keep();
            int flagResult = code.kept(result).signExtend(unused).keep();
            emitCarries(code, value, n, flagResult);
            int carries = code.keep();
            code.kept(flagResult).flagResult().selectIfZero(n);
            code.kept(carries).flagCarry().selectIfZero(n).setFlags();
            return code.kept(result);
        }

        /** Pushes what {@link Flags#result} leaves in {@code flagCarry} after a shift by more than 0. */
        private void emitCarries(Code code, int value, int n, int flagResult) {
            if (operation == SHR || operation == SAR) {
                code.kept(value).kept(n).constant(1).subtract();
                (operation == SHR ? code.shiftRightUnsigned() : code.shiftRight()).shiftLeft(Long.SIZE - 1);
            } else {
                code.kept(value).constant(bits()).kept(n).subtract().shiftRightUnsigned();
                code.shiftLeft(Long.SIZE - 1);
            }
            int out = code.keep(); // CF; of the others the bit below it is CF exclusive-or OF
            code.kept(out);
            if (operation == SAR) {
                code.kept(out);
            } else if (operation == SHR) {
                code.kept(value)
                        .shiftLeft(unused)
                        .constant(Long.MIN_VALUE)
                        .and()
                        .kept(out)
                        .xor();
            } else {
                code.kept(flagResult).constant(Long.MIN_VALUE).and();
            }
            code.shiftRightUnsigned(1).or();
        }

        private int bits() {
            return size * Byte.SIZE;
        }

        private boolean top(long value) {
            return (value >>> (bits() - 1) & 1) != 0;
        }

        private long mask(long value) {
            return value << unused >>> unused;
        }

        private long shiftLeft(Cpu cpu, long a, int n) {
            long result = a << n;
            boolean carry = n <= bits() && (a >>> (bits() - n) & 1) != 0;
            Flags.result(cpu, signed(result), carry, top(result) != carry);
            return result;
        }

        private long shiftRight(Cpu cpu, long a, int n) {
            long result = a >>> n;
            Flags.result(cpu, signed(result), (a >>> (n - 1) & 1) != 0, top(a));
            return result;
        }

        private long shiftRightSigned(Cpu cpu, long a, int n) {
            long value = signed(a);
            long result = value >> n;
            Flags.result(cpu, result, (value >> (n - 1) & 1) != 0, false);
            return result;
        }

        private long rotateLeft(Cpu cpu, long a, int n) {
            int by = n % bits();
            long result = by == 0 ? a : mask(a << by | a >>> (bits() - by));
            boolean carry = (result & 1) != 0;
            Flags.carryAndOverflow(cpu, carry, top(result) != carry);
            return result;
        }

        private long rotateRight(Cpu cpu, long a, int n) {
            int by = n % bits();
            long result = by == 0 ? a : mask(a >>> by | a << (bits() - by));
            Flags.carryAndOverflow(cpu, top(result), top(result) != top(result << 1));
            return result;
        }

        private long rotateCarryLeft(Cpu cpu, long a, int n) {
            int by = n % (bits() + 1);
            long result = a;
            boolean carry = Flags.carry(cpu);
            for (int i = 0; i < by; i++) {
                boolean out = top(result);
                result = mask(result << 1) | (carry ? 1 : 0);
                carry = out;
            }
            Flags.carryAndOverflow(cpu, carry, top(result) != carry);
            return result;
        }

        private long rotateCarryRight(Cpu cpu, long a, int n) {
            int by = n % (bits() + 1);
            long result = a;
            boolean carry = Flags.carry(cpu);
            for (int i = 0; i < by; i++) {
                boolean out = (result & 1) != 0;
                result = result >>> 1 | (carry ? 1L << (bits() - 1) : 0);
                carry = out;
            }
            Flags.carryAndOverflow(cpu, carry, top(result) != top(result << 1));
            return result;
        }
    }

    /** SHLD and SHRD. */
    public static final class DoubleShift extends ReadModifyWrite {
        private final boolean left;
        private final Operand source;
        private final Operand count;

        public DoubleShift(boolean left, Operand target, Operand source, Operand count, int size) {
            super(target, size);
            this.left = left;
            this.source = source;
            this.count = count;
        }

        @Override
        protected boolean emits() {
            return size >= Integer.BYTES;
        }

        @Override
        protected Code emit(Code code, int a) {
            int bits = size * Byte.SIZE;
            int n = count.emitRead(code).constant(bits - 1L).and().keep();
            int rest = code.constant(bits).kept(n).subtract().keep();
            code.kept(a).kept(n);
            if (left) code.shiftLeft();
            else code.shiftRightUnsigned();
            source.emitRead(code).kept(rest);
            int result =
                    (left ? code.shiftRightUnsigned() : code.shiftLeft()).or().keep();
            code.kept(result).signExtend(unused).flagResult().selectIfZero(n);
            emitCarries(code, a, n, rest, result);
            code.flagCarry().selectIfZero(n).setFlags();
            return code.kept(result).kept(a).selectIfZero(n);
        }

        /** Pushes what {@link Flags#result} leaves in {@code flagCarry} after a shift by more than 0. */
        private void emitCarries(Code code, int a, int n, int rest, int result) {
            code.kept(a);
            if (left) code.kept(rest);
            else code.kept(n).constant(1).subtract();
            int carry = code.shiftRightUnsigned().shiftLeft(Long.SIZE - 1).keep();
            code.kept(result)
                    .kept(a)
                    .xor()
                    .shiftLeft(unused)
                    .constant(Long.MIN_VALUE)
                    .and(); // OF
            code.kept(carry).xor().shiftRightUnsigned(1).kept(carry).or();
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            int n = (int) count.read(cpu, this) & (size == 8 ? 0x3F : 0x1F);
            if (n == 0) return a;
            long b = source.read(cpu, this);
            int bits = size * Byte.SIZE;
            long result;
            boolean carry;
            if (size == 2) { // a count above 16 is undefined: processors shift in the target once more
                long whole = a << 32 | b << 16 | a;
                if (left) {
                    result = whole << n >>> 32;
                    carry = (whole >>> (48 - n) & 1) != 0;
                } else {
                    result = whole >>> n;
                    carry = (whole >>> (n - 1) & 1) != 0;
                }
            } else if (left) {
                result = a << n | b >>> (bits - n);
                carry = (a >>> (bits - n) & 1) != 0;
            } else {
                result = a >>> n | b << (bits - n);
                carry = (a >>> (n - 1) & 1) != 0;
            }
            boolean overflow = ((result ^ a) >>> (bits - 1) & 1) != 0;
            Flags.result(cpu, signed(result), carry, overflow);
            return result;
        }
    }
}
