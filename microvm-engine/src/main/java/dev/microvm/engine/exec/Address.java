package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;

/**
 * How a linear address is made: {@code r[base] + (r[index] << scale) + displacement}. Segment bases
 * and the address of the current page are slots of {@link Cpu#r}, so this fits nearly all of 64-bit
 * code. For the rest an {@link AddressInstruction} computes the address first.
 */
public record Address(int base, int index, int scale, long displacement) {
    /** The address that an {@link AddressInstruction} left. */
    public static final Address COMPUTED = new Address(Cpu.ADDRESS, Cpu.ZERO, 0, 0);

    /** Pushes an address. */
    static Code emit(Code code, int base, int index, int scale, long displacement) {
        boolean hasBase = base != Cpu.ZERO;
        boolean hasIndex = index != Cpu.ZERO;
        if (hasBase) code.get(base);
        if (hasIndex) code.get(index).shiftLeft(scale);
        if (hasBase && hasIndex) code.add();
        if (!hasBase && !hasIndex) return code.constant(displacement);
        return displacement == 0 ? code : code.constant(displacement).add();
    }

    /** Pushes it. */
    public Code emit(Code code) {
        return emit(code, base, index, scale, displacement);
    }

    public long linear(Cpu cpu) {
        long[] r = cpu.r;
        return r[base] + (r[index] << scale) + displacement;
    }
}
