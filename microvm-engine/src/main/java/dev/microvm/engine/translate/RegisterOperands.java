package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.integer.MemoryMoves;

/**
 * Operands as the fast forms of instructions take them: the low bits of registers. Memory is loaded
 * into one.
 */
final class RegisterOperands {
    private RegisterOperands() {}

    /** Whether a byte register is a low one. */
    static boolean isLow(Decoded d, int register, int size) {
        return size > 1 || d.rex || register < 4;
    }

    /** Whether the ModR/M operand is memory, or the low bits of a register. */
    static boolean hasLowSource(Decoded d, int size) {
        return !d.isRegister() || isLow(d, d.rm, size);
    }

    /** The register that holds the ModR/M operand; memory is loaded into one. */
    static int sourceRegister(Decoded d, BlockBuilder block, int size) {
        if (d.isRegister()) return d.rm;
        block.addPart(MemoryMoves.load(Cpu.OPERAND, block.address(d, size, false), size));
        return Cpu.OPERAND;
    }

    /** Loads a memory operand that is stored after. */
    static Address loadForWrite(Decoded d, BlockBuilder block, int size) {
        Address address = block.address(d, size, true);
        block.addPart(MemoryMoves.loadForWrite(Cpu.OPERAND, address, size));
        return address;
    }
}
