package dev.microvm.engine.exec.integer;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.exec.Operand;
import java.math.BigInteger;

/** MUL and IMUL of one operand, DIV and IDIV. */
public final class WideArithmetic extends Sequential {
    private final int operation;
    private final Operand source;
    private final int size;

    static final int MUL = 4;
    static final int IMUL = 5;
    static final int DIV = 6;
    static final int IDIV = 7;

    /** Makes one; {@code operation} as in group 3. */
    public WideArithmetic(int operation, Operand source, int size) {
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

    @Override
    public void emit(Code code) {
        if (size < Integer.BYTES) code.perform(this);
        else if (operation == DIV) emitDivide(code);
        else if (operation == IDIV) emitDivideSigned(code);
        else emitMultiply(code);
    }

    /** Does what has a quotient; where the dividend has more than 64 bits, only what is not negative. */
    private void emitDivide(Code code) {
        int divisor = source.emitRead(code).keep();
        int high = code.get(Cpu.RDX).zeroExtend(unused()).keep();
        code.requireBelow(high, divisor);
        if (size == Long.BYTES) code.requireEqual(high, code.constant(0).keep());
        int dividend = emitDividend(code, high);
        int quotient = code.kept(dividend).kept(divisor).divideUnsigned().keep();
        code.kept(dividend).kept(divisor).remainderUnsigned().set(Cpu.RDX);
        code.kept(quotient).set(Cpu.RAX);
    }

    /** Does what has a quotient and a dividend of 64 bits; not by -1, where it may have none. */
    private void emitDivideSigned(Code code) {
        int divisor = source.emitRead(code).signExtend(unused()).keep();
        int above = code.kept(divisor).constant(1).add().keep();
        code.requireBelow(code.constant(1).keep(), above); // neither -1 nor 0
        int high = code.get(Cpu.RDX).keep();
        int dividend = emitDividend(code, high);
        if (size == Long.BYTES)
            code.requireEqual(
                    high, code.kept(dividend).shiftRight(Long.SIZE - 1).keep());
        int quotient = code.kept(dividend).kept(divisor).divide().keep();
        code.requireEqual(quotient, code.kept(quotient).signExtend(unused()).keep());
        code.kept(dividend).kept(divisor).remainder().zeroExtend(unused()).set(Cpu.RDX);
        code.kept(quotient).zeroExtend(unused()).set(Cpu.RAX);
    }

    /** Computes a dividend of 64 bits: EDX:EAX or RAX. */
    private int emitDividend(Code code, int high) {
        if (size == Long.BYTES) return code.get(Cpu.RAX).keep();
        code.kept(high).shiftLeft(Integer.SIZE);
        return code.get(Cpu.RAX).zeroExtend(Integer.SIZE).or().keep();
    }

    private int unused() {
        return Long.SIZE - size * Byte.SIZE;
    }

    private void emitMultiply(Code code) {
        int unused = unused();
        int b = source.emitRead(code).keep();
        int a = code.get(Cpu.RAX).keep();
        if (operation == IMUL) {
            b = code.kept(b).signExtend(unused).keep();
            a = code.kept(a).signExtend(unused).keep();
        } else {
            a = code.kept(a).zeroExtend(unused).keep();
        }
        int product = code.kept(a).kept(b).multiply().keep();
        int high = emitHigh(code, a, b, product).keep();
        int result = code.kept(product).signExtend(unused).keep();
        code.kept(product).zeroExtend(unused).set(Cpu.RAX);
        code.kept(high).zeroExtend(unused).set(Cpu.RDX);
        code.kept(high); // what is lost if the low half alone counts
        if (operation == IMUL) code.kept(result).shiftRight(Long.SIZE - 1).xor();
        int lost = code.keep();
        code.kept(result);
        code.constant(0).kept(lost).subtract().kept(lost).or();
        code.constant(Long.MIN_VALUE).and().setFlags();
    }

    /** Pushes the upper half of a product, sign-extended if it is one of signed numbers. */
    private Code emitHigh(Code code, int a, int b, int product) {
        if (size == Integer.BYTES) {
            code.kept(product);
            return operation == IMUL ? code.shiftRight(Integer.SIZE) : code.shiftRightUnsigned(Integer.SIZE);
        }
        code.kept(a).kept(b);
        return operation == IMUL ? code.multiplyHigh() : code.unsignedMultiplyHigh();
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
            int unused = unused();
            long product = (a << unused >> unused) * (b << unused >> unused);
            result(cpu, product, product >> (size * Byte.SIZE), product != product << unused >> unused);
        }
    }

    private void result(Cpu cpu, long low, long high, boolean overflow) {
        int unused = unused();
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
        int unused = unused();
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
        BigInteger dividend = BigInteger.valueOf(high).shiftLeft(64).add(new BigInteger(Long.toUnsignedString(low)));
        BigInteger[] parts = dividend.divideAndRemainder(BigInteger.valueOf(divisor));
        if (parts[0].bitLength() > 63) throw cpu.fault(Vectors.DE, this);
        divided(cpu, parts[0].longValue(), parts[1].longValue());
    }
}
