package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
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
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
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
     * An instruction of two sources that leaves the flags alone: PDEP, PEXT, SHLX, SHRX, SARX,
     * RORX.
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
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    /** ANDN. */
    public static void andNot(Cpu cpu, Operand target, Operand inverted, Operand source, int size, Instruction at) {
        long result = source.read(cpu, at) & ~inverted.read(cpu, at);
        target.write(cpu, result, at);
        Flags.logic(cpu, signed(result, size));
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
    public static void multiply(Cpu cpu, Operand high, Operand low, Operand source, int size, Instruction at) {
        long a = source.read(cpu, at);
        long b = size == 8 ? cpu.r[Cpu.RDX] : cpu.r[Cpu.RDX] & 0xFFFF_FFFFL;
        long product = a * b;
        low.write(cpu, product, at);
        high.write(cpu, size == 8 ? Math.unsignedMultiplyHigh(a, b) : product >>> Integer.SIZE, at);
    }

    /** ADCX and ADOX: addition with CF or OF for the carry, which alone is changed. */
    public static void addWithCarry(
            Cpu cpu, boolean byOverflow, Operand target, Operand source, int size, Instruction at) {
        long a = target.read(cpu, at);
        long b = source.read(cpu, at);
        boolean carry = byOverflow ? Flags.overflow(cpu) : Flags.carry(cpu);
        long sum = a + b + (carry ? 1 : 0);
        boolean out = size == 8 ? Long.compareUnsigned(sum, a) < 0 || (carry && sum == a) : sum >>> Integer.SIZE != 0;
        target.write(cpu, sum, at);
        boolean other = byOverflow ? Flags.carry(cpu) : Flags.overflow(cpu);
        Flags.carryAndOverflow(cpu, byOverflow ? other : out, byOverflow ? out : other);
    }
}
