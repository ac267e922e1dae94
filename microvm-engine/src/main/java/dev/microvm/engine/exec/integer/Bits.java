package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.exec.Operand;

/**
 * Counting, choosing and spreading bits: POPCNT, LZCNT, and BMI1 and BMI2. Intel SDM vol. 1,
 * 5.1.16.
 */
public final class Bits {
    /** What {@link Flags#result} leaves in {@code flagCarry} for CF without OF. */
    private static final long CARRY_ALONE = 0b11L << 62;

    private Bits() {}

    /** A value of {@code size} bytes, sign-extended. */
    public static long signed(long value, int size) {
        int unused = Long.SIZE - size * Byte.SIZE;
        return value << unused >> unused;
    }

    /** POPCNT. */
    public static final class Population extends Sequential {
        private final Operand target;
        private final Operand source;

        public Population(Operand target, Operand source) {
            this.target = target;
            this.source = source;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            target.write(cpu, Long.bitCount(value), this);
            Flags.arithmetic(cpu, value == 0 ? Flags.ZF : 0);
        }

        @Override
        public void emit(Code code) {
            int value = source.emitRead(code).keep();
            code.constant(1).constant(0).setFlags(); // none
            code.zeroFlag(value);
            code.kept(value).ones();
            target.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Pushes ones in all bits if a temporary is 0, else zeros. */
    private static Code emitIsZero(Code code, int value) {
        code.constant(0).kept(value).subtract().kept(value).or();
        return code.shiftRight(Long.SIZE - 1).constant(-1).xor();
    }

    /** TZCNT and LZCNT, for which a source without a one is no special case. */
    public static final class ZeroCount extends Sequential {
        private final boolean trailing;
        private final Operand target;
        private final Operand source;
        private final int size;

        public ZeroCount(boolean trailing, Operand target, Operand source, int size) {
            this.trailing = trailing;
            this.target = target;
            this.source = source;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            int bits = size * Byte.SIZE;
            long value = source.read(cpu, this);
            int count = trailing
                    ? Math.min(Long.numberOfTrailingZeros(value), bits)
                    : Long.numberOfLeadingZeros(value) - (Long.SIZE - bits);
            target.write(cpu, count, this);
            Flags.result(cpu, count, value == 0, false);
        }

        @Override
        public void emit(Code code) {
            int bits = size * Byte.SIZE;
            int value = source.emitRead(code).keep();
            code.kept(value);
            if (!trailing) code.leadingZeros().constant(Long.SIZE - bits).subtract();
            else if (size == Long.BYTES) code.trailingZeros();
            else code.constant(1L << bits).or().trailingZeros();
            int count = code.keep();
            code.kept(count);
            emitIsZero(code, value).constant(CARRY_ALONE).and().setFlags();
            code.kept(count);
            target.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** What an instruction of two sources and no flags does. */
    @FunctionalInterface
    public interface Operation {
        long apply(long first, long second);
    }

    /**
     * An instruction of two sources that leaves the flags alone: PDEP, PEXT.
     */
    public static final class Flagless extends Sequential {
        private final Operand target;
        private final Operand first;
        private final Operand second;
        private final Operation operation;

        public Flagless(Operand target, Operand first, Operand second, Operation operation) {
            this.target = target;
            this.first = first;
            this.second = second;
            this.operation = operation;
        }

        @Override
        public void perform(Cpu cpu) {
            long a = first.read(cpu, this);
            target.write(cpu, operation.apply(a, second.read(cpu, this)), this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Finds the lowest one bit of a source: group 17, Intel SDM vol. 2D, table A-6. */
    public static final class LowestBit extends Sequential {
        static final int RESET = 1;
        static final int MASK = 2;
        static final int ISOLATE = 3;

        private final int operation;
        private final Operand target;
        private final Operand source;
        private final int size;

        /** Makes BLSR, BLSMSK or BLSI. */
        public LowestBit(int operation, Operand target, Operand source, int size) {
            this.operation = operation;
            this.target = target;
            this.source = source;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            long result = switch (operation) {
                case RESET -> value & value - 1;
                case MASK -> value ^ value - 1;
                default -> value & -value;
            };
            target.write(cpu, result, this);
            boolean carry = (value == 0) != (operation == ISOLATE);
            Flags.result(cpu, signed(result, size), carry, false);
        }

        @Override
        public void emit(Code code) {
            int value = source.emitRead(code).keep();
            code.kept(value);
            if (operation == ISOLATE) code.constant(0).kept(value).subtract();
            else code.kept(value).constant(1).subtract();
            int result = (operation == MASK ? code.xor() : code.and()).keep();
            code.kept(result).signExtend(Long.SIZE - size * Byte.SIZE);
            emitIsZero(code, value);
            if (operation == ISOLATE) code.constant(-1).xor();
            code.constant(CARRY_ALONE).and().setFlags();
            code.kept(result);
            target.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** ANDN. */
    public static final class AndNot extends Sequential {
        private final Operand target;
        private final Operand inverted;
        private final Operand source;
        private final int size;

        public AndNot(Operand target, Operand inverted, Operand source, int size) {
            this.target = target;
            this.inverted = inverted;
            this.source = source;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long result = source.read(cpu, this) & ~inverted.read(cpu, this);
            target.write(cpu, result, this);
            Flags.logic(cpu, signed(result, size));
        }

        @Override
        public void emit(Code code) {
            source.emitRead(code);
            int result = inverted.emitRead(code).constant(-1).xor().and().keep();
            code.flagsOfLogic(
                    code.kept(result).signExtend(Long.SIZE - size * Byte.SIZE).keep());
            code.kept(result);
            target.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** BEXTR: bits 0 to 7 of {@code control} say where, bits 8 to 15 how many. */
    public static void extract(Cpu cpu, Operand target, Operand source, long control, Instruction at) {
        int start = (int) control & 0xFF;
        int length = (int) (control >>> 8) & 0xFF;
        long shifted = start >= Long.SIZE ? 0 : source.read(cpu, at) >>> start;
        if (start >= Long.SIZE) source.read(cpu, at); // it may fault
        long result = length >= Long.SIZE ? shifted : shifted & (1L << length) - 1;
        target.write(cpu, result, at);
        Flags.arithmetic(cpu, result == 0 ? Flags.ZF : 0);
    }

    /** BZHI. */
    public static void zeroHigh(Cpu cpu, Operand target, Operand source, long index, int size, Instruction at) {
        int n = (int) index & 0xFF;
        boolean beyond = n >= size * Byte.SIZE;
        long value = source.read(cpu, at);
        long result = beyond ? value : value & (1L << n) - 1;
        target.write(cpu, result, at);
        Flags.result(cpu, signed(result, size), beyond, false);
    }

    /**
     * MULX: the product's high half goes to {@code high}, its low half to {@code low}; the former
     * counts if they are one.
     */
    public static final class Multiply extends Sequential {
        private final Operand high;
        private final Operand low;
        private final Operand source;
        private final int size;

        public Multiply(Operand high, Operand low, Operand source, int size) {
            this.high = high;
            this.low = low;
            this.source = source;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long a = source.read(cpu, this);
            long b = size == 8 ? cpu.r[Cpu.RDX] : cpu.r[Cpu.RDX] & 0xFFFF_FFFFL;
            long product = a * b;
            low.write(cpu, product, this);
            high.write(cpu, size == 8 ? Math.unsignedMultiplyHigh(a, b) : product >>> Integer.SIZE, this);
        }

        @Override
        public void emit(Code code) {
            int a = source.emitRead(code).keep();
            int b = code.get(Cpu.RDX).zeroExtend(Long.SIZE - size * Byte.SIZE).keep();
            int product = code.kept(a).kept(b).multiply().keep();
            code.kept(product);
            low.emitWrite(code);
            if (size == 8) code.kept(a).kept(b).unsignedMultiplyHigh();
            else code.kept(product).shiftRightUnsigned(Integer.SIZE);
            high.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** ADCX and ADOX: addition with CF or OF for the carry, which alone is changed. */
    public static final class AddWithCarry extends Sequential {
        private final boolean byOverflow;
        private final Operand target;
        private final Operand source;
        private final int size;

        /** Makes ADOX or, if its carry is not OF, ADCX. */
        public AddWithCarry(boolean byOverflow, Operand target, Operand source, int size) {
            this.byOverflow = byOverflow;
            this.target = target;
            this.source = source;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long a = target.read(cpu, this);
            long b = source.read(cpu, this);
            boolean carry = byOverflow ? Flags.overflow(cpu) : Flags.carry(cpu);
            long sum = a + b + (carry ? 1 : 0);
            boolean out =
                    size == 8 ? Long.compareUnsigned(sum, a) < 0 || (carry && sum == a) : sum >>> Integer.SIZE != 0;
            target.write(cpu, sum, this);
            boolean other = byOverflow ? Flags.carry(cpu) : Flags.overflow(cpu);
            Flags.carryAndOverflow(cpu, byOverflow ? other : out, byOverflow ? out : other);
        }

        @Override
        public void emit(Code code) {
            int b = source.emitRead(code).keep();
            int a = target.emitRead(code).keep();
            code.kept(a).kept(b).add();
            if (byOverflow) code.flagCarry().flagCarry().shiftLeft(1).xor().shiftRightUnsigned(Long.SIZE - 1);
            else code.carry();
            int sum = code.add().keep();
            int out = emitCarryOut(code, a, b, sum).keep();
            if (byOverflow) {
                code.flagCarry().constant(~(1L << 62)).and();
                code.flagCarry().kept(out).xor().constant(Long.MIN_VALUE).and();
                code.shiftRightUnsigned(1).or().setFlagCarry(); // OF is the difference of both bits
            } else {
                code.keepCarry(out);
            }
            code.kept(sum);
            target.emitWrite(code);
        }

        /** Pushes a value with the carry out of the sum in bit 63. */
        private Code emitCarryOut(Code code, int a, int b, int sum) {
            if (size < 8) return code.kept(sum).shiftLeft(Long.SIZE - 1 - Integer.SIZE);
            code.kept(a).kept(b).and();
            code.kept(a).kept(b).or().kept(sum).constant(-1).xor().and();
            return code.or();
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** Where the shifts of BMI2 go. */
    public enum Direction {
        LEFT,
        RIGHT,
        RIGHT_SIGNED
    }

    /** SHLX, SHRX and SARX, which leave the flags alone. */
    public static final class Shift extends Sequential {
        private final Direction direction;
        private final Operand target;
        private final Operand source;
        private final Operand count;
        private final int size;

        public Shift(Direction direction, Operand target, Operand source, Operand count, int size) {
            this.direction = direction;
            this.target = target;
            this.source = source;
            this.count = count;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            int n = (int) count.read(cpu, this) & size * Byte.SIZE - 1;
            long result = switch (direction) {
                case LEFT -> value << n;
                case RIGHT -> value >>> n;
                case RIGHT_SIGNED -> signed(value, size) >> n;
            };
            target.write(cpu, result, this);
        }

        @Override
        public void emit(Code code) {
            source.emitRead(code);
            if (direction == Direction.RIGHT_SIGNED) code.signExtend(Long.SIZE - size * Byte.SIZE);
            count.emitRead(code).constant((long) size * Byte.SIZE - 1).and();
            switch (direction) {
                case LEFT -> code.shiftLeft();
                case RIGHT -> code.shiftRightUnsigned();
                case RIGHT_SIGNED -> code.shiftRight();
            }
            target.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** RORX. */
    public static final class Rotate extends Sequential {
        private final Operand target;
        private final Operand source;
        private final int count;
        private final int size;

        public Rotate(Operand target, Operand source, int count, int size) {
            this.target = target;
            this.source = source;
            this.count = count & size * Byte.SIZE - 1;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            target.write(
                    cpu, size == 8 ? Long.rotateRight(value, count) : Integer.rotateRight((int) value, count), this);
        }

        @Override
        public void emit(Code code) {
            int value = source.emitRead(code).keep();
            code.kept(value).shiftRightUnsigned(count);
            if (count != 0) code.kept(value).shiftLeft(size * Byte.SIZE - count).or();
            target.emitWrite(code);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }
}
