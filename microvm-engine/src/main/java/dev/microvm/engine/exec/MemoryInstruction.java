package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Sequential;

/**
 * An instruction with an operand in memory, at an {@link Address}; the parts of that are its own,
 * to be near.
 */
public abstract class MemoryInstruction extends Sequential {
    private final byte base;
    private final byte index;
    private final byte scale;
    private final long displacement;

    protected MemoryInstruction(Address address) {
        this.base = (byte) address.base();
        this.index = (byte) address.index();
        this.scale = (byte) address.scale();
        this.displacement = address.displacement();
    }

    /** The linear address, from {@link Cpu#r}. */
    protected final long linear(long[] r) {
        return r[base] + (r[index] << scale) + displacement;
    }

    /** Pushes the linear address. */
    protected final Code linear(Code code) {
        return Address.emit(code, base, index, scale, displacement);
    }
}
