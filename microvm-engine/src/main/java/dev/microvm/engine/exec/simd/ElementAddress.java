package dev.microvm.engine.exec.simd;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.exec.Address;

/**
 * Where an instruction accesses elements of which a mask may leave some out: each is checked by
 * itself, against its segment too.
 *
 * @param offset within the segment
 * @param segment the segment, as numbered in instructions
 * @param mask bits that the address size has
 */
public record ElementAddress(Address offset, int segment, long mask) {
    /** The linear address of an element of {@code size} bytes, {@code distance} behind the offset. */
    long linear(Cpu cpu, long distance, int size, boolean write, Instruction at) {
        return cpu.segmentation.linearOrFlat(segment, offset.linear(cpu) + distance & mask, size, write, at);
    }
}
