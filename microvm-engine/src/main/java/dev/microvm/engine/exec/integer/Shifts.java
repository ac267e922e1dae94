package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.ReadModifyWrite;
import dev.microvm.engine.exec.RegisterOnly;
import org.jspecify.annotations.Nullable;

/** Shifts, rotations and bit tests: Intel SDM vol. 1, 7.3.6 and 7.3.7. */
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

    /** BT, BTS, BTR, BTC. With memory and a register, the bit may be anywhere around the address. */
    public static final class BitTest extends ReadModifyWrite {
        public static final int TEST = 0;
        public static final int SET = 1;
        public static final int RESET = 2;
        public static final int COMPLEMENT = 3;

        private final int operation;
        private final Operand bit;

        public BitTest(int operation, Operand target, Operand bit, int size) {
            super(target, size);
            this.operation = operation;
            this.bit = bit;
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            int n = (int) bit.read(cpu, this) & size * Byte.SIZE - 1;
            Flags.carry(cpu, (a >>> n & 1) != 0);
            return switch (operation) {
                case SET -> a | 1L << n;
                case RESET -> a & ~(1L << n);
                default -> a ^ 1L << n;
            };
        }
    }

    /** BT, which writes nothing. */
    public static final class BitRead extends Sequential {
        private final Operand target;
        private final Operand bit;
        private final int size;

        public BitRead(Operand target, Operand bit, int size) {
            this.target = target;
            this.bit = bit;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            int n = (int) bit.read(cpu, this) & size * Byte.SIZE - 1;
            Flags.carry(cpu, (target.read(cpu, this) >>> n & 1) != 0);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Works out the address of the operand that holds the bit, for a bit test with memory. */
    public static final class BitAddress extends Sequential {
        private final Address offset;
        private final int segment;
        private final long mask;
        private final Operand bit;
        private final int size;
        private final boolean write;

        /**
         * Makes one.
         *
         * @param offset of bit 0, within its segment
         * @param mask bits that the address size has
         */
        public BitAddress(Address offset, int segment, long mask, Operand bit, int size, boolean write) {
            this.offset = offset;
            this.segment = segment;
            this.mask = mask;
            this.bit = bit;
            this.size = size;
            this.write = write;
        }

        @Override
        public void perform(Cpu cpu) {
            int unused = Long.SIZE - size * Byte.SIZE;
            long n = bit.read(cpu, this) << unused >> unused;
            int shift = size == 8 ? 6 : size == 4 ? 5 : 4;
            long effective = offset.linear(cpu) + (n >> shift) * size & mask;
            cpu.r[Cpu.ADDRESS] = cpu.segmentation.linearOrFlat(segment, effective, size, write, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** BSF and BSR. */
    public static final class Scan extends Sequential {
        private final boolean forward;
        private final Operand target;
        private final Operand source;

        public Scan(boolean forward, Operand target, Operand source) {
            this.forward = forward;
            this.target = target;
            this.source = source;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            if (value == 0) {
                Flags.zero(cpu, true); // the target keeps its value: AMD APM vol. 3, BSF
            } else {
                int n = forward ? Long.numberOfTrailingZeros(value) : 63 - Long.numberOfLeadingZeros(value);
                target.write(cpu, n, this);
                Flags.zero(cpu, false);
            }
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    // Forms that run most: registers of 32 and 64 bits by a constant that is not 0

    /** One of these, or null for RCL and RCR. */
    public static @Nullable Instruction constant(int operation, int target, int count, int size) {
        return switch (operation) {
            case ROL -> new RotateLeft(target, target, count, size);
            case ROR -> new RotateRight(target, target, count, size);
            case SHL, SAL -> new Left(target, target, count, size);
            case SHR -> new Right(target, target, count, size);
            case SAR -> new RightSigned(target, target, count, size);
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

    /** SHR whose flags nobody sees. */
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
