package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Mmu;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.exec.Address;
import org.jspecify.annotations.Nullable;

/**
 * The second operand of an instruction on XMM or YMM registers: one of them, or memory of up to 32
 * bytes.
 */
public final class XmmSource {
    private static final int SIZE = 16;

    private final int register; // index of its low half in Cpu.xmm, or -1
    private final @Nullable Address address;
    private final int size;
    private final boolean aligned;

    private XmmSource(int register, @Nullable Address address, int size, boolean aligned) {
        this.register = register;
        this.address = address;
        this.size = size;
        this.aligned = aligned;
    }

    /** A register, by its number. */
    public static XmmSource register(int number) {
        return new XmmSource(number * 2, null, SIZE, false);
    }

    /**
     * Memory.
     *
     * @param aligned whether 16 or 32 bytes must be aligned
     */
    public static XmmSource memory(Address address, int size, boolean aligned) {
        return new XmmSource(-1, address, size, aligned && size >= SIZE);
    }

    /** Where it is in memory; checked, so that {@link #high} cannot fault after {@link #low}. */
    private long linear(Cpu cpu, Address at, Instruction instruction) {
        long linear = at.linear(cpu);
        if (aligned && (linear & size - 1) != 0) throw cpu.fault(Vectors.GP, 0, instruction);
        return linear;
    }

    /** Writes a read of both halves. */
    Pair emit(Code code) {
        int host = emitHost(code);
        return new Pair(emitWord(code, host, 0), emitWord(code, host, 1));
    }

    /** Looks up where it is in memory; returns a temporary that has no meaning for a register. */
    int emitHost(Code code) {
        if (address == null) return -1;
        int linear = address.emit(code).keep();
        if (aligned) code.requireAligned(linear, size);
        return code.host(linear, size, Mmu.READ);
    }

    /** Writes what {@link #word} does; returns a temporary. */
    int emitWord(Code code, int host, int number) {
        if (address == null) {
            return code.xmm(register + (number & 1) + (number >> 1) * Cpu.YMM_HIGH)
                    .keep();
        }
        int offset = number * Long.BYTES;
        if (offset >= size) return code.constant(0).keep();
        if (offset == 0) return code.read(host, Math.min(size, Long.BYTES)).keep();
        return code.read(code.kept(host).constant(offset).add().keep(), Long.BYTES)
                .keep();
    }

    /** Temporaries with both halves. */
    record Pair(int low, int high) {}

    /** Its low 8 bytes; those that it does not have are 0. */
    public long low(Cpu cpu, Instruction at) {
        if (address == null) return cpu.xmm[register];
        return cpu.mmu.load(linear(cpu, address, at), Math.min(size, Long.BYTES), at);
    }

    /** Its high 8 bytes; of memory that does not have them, 0. */
    public long high(Cpu cpu, Instruction at) {
        if (address == null) return cpu.xmm[register + 1];
        return size == SIZE ? cpu.mmu.load64(address.linear(cpu) + Long.BYTES, at) : 0;
    }

    /**
     * Eight bytes of it, by their number; those that it does not have are 0. The first must be read
     * first.
     */
    public long word(Cpu cpu, Instruction at, int number) {
        if (address == null) return cpu.xmm[register + (number & 1) + (number >> 1) * Cpu.YMM_HIGH];
        if (number == 0) return low(cpu, at);
        int offset = number * Long.BYTES;
        return offset < size ? cpu.mmu.load64(address.linear(cpu) + offset, at) : 0;
    }
}
