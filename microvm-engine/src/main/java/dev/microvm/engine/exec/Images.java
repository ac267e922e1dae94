package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;

/** Blocks of bytes between an array and linear memory: images of the floating-point state. */
final class Images {
    private Images() {}

    static void read(Cpu cpu, long linear, byte[] bytes, Instruction at) {
        for (int i = 0; i < bytes.length; i++) bytes[i] = (byte) cpu.mmu.load8(linear + i, at);
    }

    /** Writes what was probed. */
    static void write(Cpu cpu, long linear, byte[] bytes, Instruction at) {
        for (int i = 0; i < bytes.length; i++) cpu.mmu.store8(linear + i, bytes[i], at);
    }
}
