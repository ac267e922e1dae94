package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;

/** Blocks of bytes between an array and linear memory: images of the floating-point state. */
public final class LinearBytes {
    private LinearBytes() {}

    public static void read(Cpu cpu, long linear, byte[] bytes, Instruction at) {
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) cpu.mmu.load8(linear + i, at);
    }

    /** Writes what was probed. */
    public static void write(Cpu cpu, long linear, byte[] bytes, Instruction at) {
        for (int i = 0; i < bytes.length; i++) cpu.mmu.store8(linear + i, bytes[i], at);
    }
}
