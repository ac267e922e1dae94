package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;

/** The stack, in any mode: Intel SDM vol. 1, 6.2. */
public final class Stack {
    private Stack() {}

    /** Pushes a value of {@code size} bytes. */
    public static void push(Cpu cpu, long value, int size, Instruction at) {
        if (cpu.mode() == CodeMode.BITS_64) {
            long pointer = cpu.r[Cpu.RSP] - size;
            cpu.mmu.store(pointer, value, size, at);
            cpu.r[Cpu.RSP] = pointer;
        } else {
            long pointer = cpu.r[Cpu.RSP] - size & mask(cpu);
            cpu.mmu.store(cpu.segmentation.linear(Decoded.SS, pointer, size, true, at), value, size, at);
            pointer(cpu, pointer);
        }
    }

    /** Faults if {@code size} bytes cannot be pushed. */
    public static void requireRoom(Cpu cpu, int size, Instruction at) {
        long pointer = cpu.r[Cpu.RSP] - size & mask(cpu);
        cpu.mmu.probeWrite(cpu.segmentation.linearOrFlat(Decoded.SS, pointer, size, true, at), size, at);
    }

    /** The value on top, of {@code size} bytes. */
    public static long top(Cpu cpu, int size, Instruction at) {
        return at(cpu, cpu.r[Cpu.RSP], size, at);
    }

    /** The value at a place of the stack. */
    public static long at(Cpu cpu, long pointer, int size, Instruction at) {
        if (cpu.mode() == CodeMode.BITS_64) return cpu.mmu.load(pointer, size, at);
        return cpu.mmu.load(cpu.segmentation.linear(Decoded.SS, pointer & mask(cpu), size, false, at), size, at);
    }

    /** Takes bytes off. */
    public static void drop(Cpu cpu, int bytes) {
        pointer(cpu, cpu.r[Cpu.RSP] + bytes);
    }

    /** Sets SP, ESP or RSP, as wide as the stack is. */
    public static void pointer(Cpu cpu, long pointer) {
        long mask = mask(cpu);
        cpu.r[Cpu.RSP] = mask == 0xFFFF ? (cpu.r[Cpu.RSP] & ~mask) | (pointer & mask) : pointer & mask;
    }

    public static long mask(Cpu cpu) {
        if (cpu.mode() == CodeMode.BITS_64) return -1;
        return cpu.segments[Decoded.SS].is32() ? 0xFFFF_FFFFL : 0xFFFF;
    }
}
