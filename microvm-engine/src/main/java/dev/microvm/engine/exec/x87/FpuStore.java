package dev.microvm.engine.exec.x87;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.fpu.X87;
import dev.microvm.engine.fpu.X87Transfers;

/** An instruction of the x87 that stores the top of the stack in memory. */
public final class FpuStore extends CheckedFpu {
    /** Bytes of a number in the unit's own format, and of a packed decimal. */
    public static final int EXTENDED_SIZE = 10;

    /** Makes the value to store; false if there is none. */
    @FunctionalInterface
    public interface Conversion {
        boolean run(X87 f);
    }

    private final Address address;
    private final int size;
    private final boolean pops;
    private final Conversion conversion;

    /** Makes one that stores 2, 4, 8 or {@link #EXTENDED_SIZE} bytes. */
    public FpuStore(int opcode, Address address, int size, boolean pops, Conversion conversion) {
        super(opcode, true);
        this.address = address;
        this.size = size;
        this.pops = pops;
        this.conversion = conversion;
    }

    @Override
    protected void work(Cpu cpu, X87 f) {
        long linear = address.linear(cpu);
        cpu.mmu.probeWrite(linear, size, this); // before an exception of the unit's own
        boolean written = conversion.run(f);
        if (written) {
            if (size == EXTENDED_SIZE) {
                cpu.mmu.store64(linear, X87Transfers.low(f), this);
                cpu.mmu.store16(linear + Long.BYTES, X87Transfers.high(f), this);
            } else {
                cpu.mmu.store(linear, X87Transfers.low(f), size, this);
            }
        }
        X87Transfers.finishStore(f, written, pops);
    }
}
