package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Code;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Sequential;

/**
 * Computes an address that {@link Address} cannot express, for the instruction after it: with a
 * segment base beside base and index, cut to 16 or 32 bits, or checked against a segment's limit.
 * It has the place of the instruction that it works for.
 */
public final class AddressInstruction extends Sequential {
    private final Address offset;
    private final int segment;
    private final long mask;
    private final int size;
    private final boolean write;

    /**
     * Makes one.
     *
     * @param offset within the segment
     * @param mask bits that the address size has
     * @param size bytes to check against the limit; 0 in 64-bit mode, which has none
     * @param write whether they are written
     */
    public AddressInstruction(Address offset, int segment, long mask, int size, boolean write) {
        this.offset = offset;
        this.segment = segment;
        this.mask = mask;
        this.size = size;
        this.write = write;
    }

    @Override
    public void perform(Cpu cpu) {
        long effective = offset.linear(cpu) & mask;
        if (size == 0) {
            cpu.r[Cpu.ADDRESS] = effective + cpu.r[Cpu.SEGMENT_BASE + segment];
        } else {
            cpu.r[Cpu.ADDRESS] = cpu.segmentation.linear(segment, effective, size, write, this);
        }
    }

    @Override
    public void emit(Code code) {
        if (size != 0) {
            code.perform(this);
            return;
        }
        offset.emit(code)
                .constant(mask)
                .and()
                .get(Cpu.SEGMENT_BASE + segment)
                .add()
                .set(Cpu.ADDRESS);
    }

    @Override
    public Block execute(Cpu cpu) {
        perform(cpu);
        return next.execute(cpu);
    }
}
