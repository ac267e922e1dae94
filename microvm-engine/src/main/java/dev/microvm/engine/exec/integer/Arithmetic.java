package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.exec.Atomic;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.ReadModifyWrite;
import dev.microvm.engine.memory.PhysicalMemory;
import java.math.BigInteger;

/**
 * Addition to comparison, multiplication and division of any operands: Intel SDM vol. 1, 7.3.2. {@link
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
    }

    public static final class Not extends ReadModifyWrite {
        public Not(Operand target, int size) {
            super(target, size);
        }

        @Override
        protected long compute(Cpu cpu, long a) {
            return ~a;
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
        protected boolean writes(Cpu cpu) {
            return target instanceof Operand.Memory || Flags.zero(cpu);
        }

        @Override
        protected void finish(Cpu cpu, long old) {
            if (!Flags.zero(cpu)) accumulator.write(cpu, old, this);
        }
    }

    /** MUL and IMUL of one operand, DIV and IDIV. */
    public static final class Wide extends Sequential {
        private final int operation;
        private final Operand source;
        private final int size;

        static final int MUL = 4;
        static final int IMUL = 5;
        static final int DIV = 6;
        static final int IDIV = 7;

        /** Makes one; {@code operation} as in group 3. */
        public Wide(int operation, Operand source, int size) {
            this.operation = operation;
            this.source = source;
            this.size = size;
        }

        @Override
        public void perform(Cpu cpu) {
            long value = source.read(cpu, this);
            switch (operation) {
                case MUL -> multiply(cpu, value);
                case IMUL -> multiplySigned(cpu, value);
                case DIV -> divide(cpu, value);
                default -> divideSigned(cpu, value);
            }
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        private long low(Cpu cpu) {
            return size == 8 ? cpu.r[Cpu.RAX] : cpu.r[Cpu.RAX] & (1L << (size * Byte.SIZE)) - 1;
        }

        private void multiply(Cpu cpu, long b) {
            long a = low(cpu);
            if (size == 8) {
                long high = Math.unsignedMultiplyHigh(a, b);
                result(cpu, a * b, high, high != 0);
            } else {
                long product = a * b;
                long high = product >>> (size * Byte.SIZE);
                result(cpu, product, high, high != 0);
            }
        }

        private void multiplySigned(Cpu cpu, long b) {
            long a = low(cpu);
            if (size == 8) {
                long high = Math.multiplyHigh(a, b);
                long product = a * b;
                result(cpu, product, high, high != product >> 63);
            } else {
                int unused = Long.SIZE - size * Byte.SIZE;
                long product = (a << unused >> unused) * (b << unused >> unused);
                result(cpu, product, product >> (size * Byte.SIZE), product != product << unused >> unused);
            }
        }

        private void result(Cpu cpu, long low, long high, boolean overflow) {
            int unused = Long.SIZE - size * Byte.SIZE;
            if (size == 1) {
                cpu.r[Cpu.RAX] = (cpu.r[Cpu.RAX] & ~0xFFFFL) | (low & 0xFFFF);
            } else {
                pair(cpu, low, high);
            }
            Flags.result(cpu, low << unused >> unused, overflow, overflow);
        }

        private void pair(Cpu cpu, long low, long high) {
            if (size == 2) {
                cpu.r[Cpu.RAX] = (cpu.r[Cpu.RAX] & ~0xFFFFL) | (low & 0xFFFF);
                cpu.r[Cpu.RDX] = (cpu.r[Cpu.RDX] & ~0xFFFFL) | (high & 0xFFFF);
            } else if (size == 4) {
                cpu.r[Cpu.RAX] = low & 0xFFFF_FFFFL;
                cpu.r[Cpu.RDX] = high & 0xFFFF_FFFFL;
            } else {
                cpu.r[Cpu.RAX] = low;
                cpu.r[Cpu.RDX] = high;
            }
        }

        /** The dividend of less than 64 bits: AX, DX:AX or EDX:EAX. */
        private long dividend(Cpu cpu) {
            if (size == 1) return cpu.r[Cpu.RAX] & 0xFFFF;
            if (size == 2) return (cpu.r[Cpu.RAX] & 0xFFFF) | (cpu.r[Cpu.RDX] & 0xFFFF) << 16;
            return (cpu.r[Cpu.RAX] & 0xFFFF_FFFFL) | cpu.r[Cpu.RDX] << 32;
        }

        private void divided(Cpu cpu, long quotient, long remainder) {
            if (size == 1) {
                cpu.r[Cpu.RAX] = (cpu.r[Cpu.RAX] & ~0xFFFFL) | (quotient & 0xFF) | (remainder & 0xFF) << 8;
            } else {
                pair(cpu, quotient, remainder);
            }
        }

        private void divide(Cpu cpu, long divisor) {
            if (divisor == 0) throw cpu.fault(Vectors.DE, this);
            if (size == 8) {
                divide128(cpu, divisor);
                return;
            }
            long dividend = dividend(cpu);
            long quotient = Long.divideUnsigned(dividend, divisor);
            if (quotient >>> (size * Byte.SIZE) != 0) throw cpu.fault(Vectors.DE, this);
            divided(cpu, quotient, Long.remainderUnsigned(dividend, divisor));
        }

        private void divide128(Cpu cpu, long divisor) {
            long high = cpu.r[Cpu.RDX];
            long low = cpu.r[Cpu.RAX];
            if (Long.compareUnsigned(high, divisor) >= 0) throw cpu.fault(Vectors.DE, this);
            if (high == 0) {
                divided(cpu, Long.divideUnsigned(low, divisor), Long.remainderUnsigned(low, divisor));
                return;
            }
            long quotient = 0;
            long remainder = high;
            for (int i = 63; i >= 0; i--) { // bit by bit: rare
                boolean top = remainder < 0;
                remainder = remainder << 1 | (low >>> i & 1);
                if (top || Long.compareUnsigned(remainder, divisor) >= 0) {
                    remainder -= divisor;
                    quotient |= 1L << i;
                }
            }
            divided(cpu, quotient, remainder);
        }

        private void divideSigned(Cpu cpu, long value) {
            int unused = Long.SIZE - size * Byte.SIZE;
            long divisor = value << unused >> unused;
            if (divisor == 0) throw cpu.fault(Vectors.DE, this);
            if (size == 8) {
                divideSigned128(cpu, divisor);
                return;
            }
            long dividend = dividend(cpu);
            if (size < 4) dividend = size == 1 ? (short) dividend : (int) dividend;
            if (dividend == Long.MIN_VALUE && divisor == -1) throw cpu.fault(Vectors.DE, this);
            long quotient = dividend / divisor;
            if (quotient << unused >> unused != quotient) throw cpu.fault(Vectors.DE, this);
            divided(cpu, quotient, dividend % divisor);
        }

        private void divideSigned128(Cpu cpu, long divisor) {
            long high = cpu.r[Cpu.RDX];
            long low = cpu.r[Cpu.RAX];
            if (high == low >> 63) {
                if (low == Long.MIN_VALUE && divisor == -1) throw cpu.fault(Vectors.DE, this);
                divided(cpu, low / divisor, low % divisor);
                return;
            }
            BigInteger dividend =
                    BigInteger.valueOf(high).shiftLeft(64).add(new BigInteger(Long.toUnsignedString(low)));
            BigInteger[] parts = dividend.divideAndRemainder(BigInteger.valueOf(divisor));
            if (parts[0].bitLength() > 63) throw cpu.fault(Vectors.DE, this);
            divided(cpu, parts[0].longValue(), parts[1].longValue());
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

    /** CMPXCHG8B and CMPXCHG16B. Java has no atomic exchange of 16 bytes, so with LOCK the other CPUs stop for it. */
    public static final class CompareExchangePair extends Sequential {
        private final Operand.Memory target;
        private final boolean wide;
        private final boolean locked;

        public CompareExchangePair(Operand.Memory target, boolean wide, boolean locked) {
            this.target = target;
            this.wide = wide;
            this.locked = locked;
        }

        @Override
        public void perform(Cpu cpu) {
            long linear = target.linear(cpu);
            if (wide && (linear & 15) != 0) throw cpu.fault(Vectors.GP, 0, this);
            long host = wide ? PhysicalMemory.NONE : cpu.mmu.atomic(linear, 8, this);
            if (host != PhysicalMemory.NONE) {
                exchange8(cpu, host);
            } else if (locked) {
                cpu.platform().beginExclusive();
                try {
                    exchange(cpu, linear);
                } finally {
                    cpu.platform().endExclusive();
                }
            } else {
                exchange(cpu, linear);
            }
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        private static void exchange8(Cpu cpu, long host) {
            long expected = pair(cpu.r[Cpu.RAX], cpu.r[Cpu.RDX]);
            long desired = pair(cpu.r[Cpu.RBX], cpu.r[Cpu.RCX]);
            long old;
            do {
                old = Atomic.get(host, 8);
            } while (!Atomic.compareAndSet(host, 8, old, old == expected ? desired : old));
            finish8(cpu, old, expected);
        }

        private static long pair(long low, long high) {
            return (low & 0xFFFF_FFFFL) | high << 32;
        }

        private static void finish8(Cpu cpu, long old, long expected) {
            if (old != expected) {
                cpu.r[Cpu.RAX] = old & 0xFFFF_FFFFL;
                cpu.r[Cpu.RDX] = old >>> 32;
            }
            Flags.zero(cpu, old == expected);
        }

        /** In several accesses. */
        private void exchange(Cpu cpu, long linear) {
            if (!wide) {
                long expected = pair(cpu.r[Cpu.RAX], cpu.r[Cpu.RDX]);
                long old = cpu.mmu.load64ForWrite(linear, this);
                long desired = pair(cpu.r[Cpu.RBX], cpu.r[Cpu.RCX]);
                cpu.mmu.store64(linear, old == expected ? desired : old, this);
                finish8(cpu, old, expected);
                return;
            }
            long low = cpu.mmu.load64ForWrite(linear, this);
            long high = cpu.mmu.load64ForWrite(linear + 8, this);
            boolean equal = low == cpu.r[Cpu.RAX] && high == cpu.r[Cpu.RDX];
            if (equal) {
                cpu.mmu.store64(linear, cpu.r[Cpu.RBX], this);
                cpu.mmu.store64(linear + 8, cpu.r[Cpu.RCX], this);
            } else {
                cpu.r[Cpu.RAX] = low;
                cpu.r[Cpu.RDX] = high;
            }
            Flags.zero(cpu, equal);
        }
    }

    /** The adjustments of packed and unpacked decimals: DAA, DAS, AAA, AAS, AAM, AAD. */
    public static final class Decimal extends Sequential {
        private final int opcode;
        private final int base;

        public Decimal(int opcode, int base) {
            this.opcode = opcode;
            this.base = base;
        }

        @Override
        public void perform(Cpu cpu) {
            int ax = (int) cpu.r[Cpu.RAX] & 0xFFFF;
            switch (opcode) {
                case 0x27 -> daa(cpu, ax, 1);
                case 0x2F -> daa(cpu, ax, -1);
                case 0x37 -> aaa(cpu, ax, 1);
                case 0x3F -> aaa(cpu, ax, -1);
                case 0xD4 -> {
                    if (base == 0) throw cpu.fault(Vectors.DE, this);
                    int al = ax & 0xFF;
                    set(cpu, (al / base) << 8 | al % base);
                    Flags.logic(cpu, (byte) (al % base));
                }
                default -> {
                    int al = (ax & 0xFF) + (ax >> 8) * base & 0xFF;
                    set(cpu, al);
                    Flags.logic(cpu, (byte) al);
                }
            }
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }

        private static void set(Cpu cpu, int ax) {
            cpu.r[Cpu.RAX] = (cpu.r[Cpu.RAX] & ~0xFFFFL) | (ax & 0xFFFF);
        }

        private static void daa(Cpu cpu, int ax, int sign) {
            int al = ax & 0xFF;
            boolean carry = Flags.carry(cpu);
            boolean adjust = (al & 0xF) > 9 || Flags.adjust(cpu);
            boolean high = al > 0x99 || carry;
            boolean borrow = sign < 0 && adjust && al < 6;
            int result = al + (adjust ? sign * 6 : 0) + (high ? sign * 0x60 : 0);
            set(cpu, (ax & 0xFF00) | (result & 0xFF));
            flags(cpu, (byte) result, high || carry || borrow, adjust);
        }

        private static void aaa(Cpu cpu, int ax, int sign) {
            boolean adjust = (ax & 0xF) > 9 || Flags.adjust(cpu);
            int result = adjust ? ax + sign * 0x106 : ax;
            if (sign < 0 && adjust) result = (ax - 6 & 0xFFFF) - 0x100;
            set(cpu, result & 0xFF0F);
            flags(cpu, (byte) (result & 0xF), adjust, adjust);
        }

        private static void flags(Cpu cpu, long result, boolean carry, boolean adjust) {
            Flags.logic(cpu, result);
            int all = Flags.arithmetic(cpu) | (carry ? Flags.CF : 0) | (adjust ? Flags.AF : 0);
            Flags.arithmetic(cpu, all);
        }
    }
}
