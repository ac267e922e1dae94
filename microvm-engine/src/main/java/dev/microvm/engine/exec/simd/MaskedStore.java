package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;

/**
 * MASKMOVQ and MASKMOVDQU: bytes of a register whose byte in a mask is negative, to where RDI says.
 *
 * @param addressMask bits that the address size has
 * @param size bytes of the registers
 */
public record MaskedStore(int segment, long addressMask, int size) {
    /** Where they go: all can be written, even if the mask has none. */
    public long linear(Cpu cpu, Instruction at) {
        long linear = cpu.segmentation.linearOrFlat(segment, cpu.r[Cpu.RDI] & addressMask, size, true, at);
        cpu.mmu.probeWrite(linear, size, at);
        return linear;
    }

    /** Stores eight of them. */
    public void half(Cpu cpu, long linear, long bytes, long mask, Instruction at) {
        for (int i = 0; i < Long.BYTES; i++) {
            int shift = i * Byte.SIZE;
            if ((mask >>> shift & 0x80) != 0) cpu.mmu.store8(linear + i, (int) (bytes >>> shift), at);
        }
    }
}
