package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Faulting;
import dev.microvm.engine.exec.integer.Arithmetic;
import org.jspecify.annotations.Nullable;

/** Refuses LOCK before what must not have it: Intel SDM vol. 2A, LOCK. */
final class LockSelector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        return d.lock && !lockable(d) ? block.ending(Faulting.undefined()) : null;
    }

    private static boolean lockable(Decoded d) {
        int opcode = d.opcode;
        if (opcode == 0x120 || opcode == 0x122)
            return d.reg == 0; // MOV of CR8 by another name: AMD APM vol. 3, MOV CRn
        if (!d.hasModRm || d.isRegister()) return false;
        if (opcode < 0x38) return (opcode & 7) < 2; // ADD to XOR of memory and a register
        return switch (opcode) {
            case 0x80, 0x81, 0x82, 0x83 -> d.group() != Arithmetic.CMP; // ADD to XOR
            case 0x86, 0x87 -> true; // XCHG
            case 0xF6, 0xF7 -> d.group() == 2 || d.group() == 3; // NOT, NEG
            case 0xFE, 0xFF -> d.group() < 2; // INC, DEC
            case 0x1AB, 0x1B3, 0x1BB -> true; // BTS, BTR, BTC
            case 0x1B0, 0x1B1, 0x1C0, 0x1C1 -> true; // CMPXCHG, XADD
            case 0x1BA -> d.group() > 4; // BTS, BTR, BTC
            case 0x1C7 -> d.group() == 1; // CMPXCHG8B, CMPXCHG16B
            default -> false;
        };
    }
}
