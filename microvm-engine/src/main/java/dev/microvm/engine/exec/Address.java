package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Cpu;

/**
 * How a linear address is made: {@code r[base] + (r[index] << scale) + displacement}. Segment bases
 * and the address of the current page are slots of {@link Cpu#r}, so this fits nearly all of 64-bit
 * code. For the rest an {@link AddressInstruction} computes the address first.
 */
public record Address(int base, int index, int scale, long displacement) {
    /** The address that an {@link AddressInstruction} left. */
    public static final Address COMPUTED = new Address(Cpu.ADDRESS, Cpu.ZERO, 0, 0);

    public long linear(Cpu cpu) {
        long[] r = cpu.r;
        return r[base] + (r[index] << scale) + displacement;
    }
}
