package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Ending;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.integer.Branches;
import dev.microvm.engine.exec.integer.CarryFlag;
import dev.microvm.engine.exec.integer.Comparison;
import dev.microvm.engine.exec.integer.StackInstructions;
import dev.microvm.engine.exec.system.SystemInstructions;
import org.jspecify.annotations.Nullable;

/** Near branches, the stack, and single flags: Intel SDM vol. 1, 7.3.8 and 7.3.13, and 6.2. */
final class BranchSelector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        if (d.opcode >= 0x180 && d.opcode <= 0x18F) return conditionalJump(d, block); // Jcc
        if (d.opcode > 0xFF) return null;
        Instruction branch = branch(d, block);
        if (branch != null) return branch;
        Instruction stack = stack(d, block);
        return stack != null ? stack : flag(d);
    }

    private static @Nullable Instruction branch(Decoded d, BlockBuilder block) {
        int opcode = d.opcode;
        if (opcode >= 0x70 && opcode <= 0x7F) return conditionalJump(d, block); // Jcc
        return switch (opcode) {
            case 0x62 -> bound(d, block); // BOUND
            case 0xC2 -> ret(d, block, (int) d.immediate); // RET
            case 0xC3 -> ret(d, block, 0); // RET
            case 0xE0, 0xE1, 0xE2, 0xE3 -> // LOOPNE, LOOPE, LOOP, JCXZ
                block.ending(new Branches.Loop(opcode, d.addressSize, block.page(), d.end, target(d), d.operandSize));
            case 0xE8 -> call(d, block); // CALL
            case 0xE9, 0xEB -> block.ending(new Branches.Jump(block.page(), d.end, target(d), d.operandSize)); // JMP
            case 0xFF -> group5(d, block);
            default -> null;
        };
    }

    private static @Nullable Instruction group5(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        return switch (d.group()) {
            case 2 -> block.ending(new Branches.CallTo(block.source(d, size), size)); // CALL
            case 4 -> block.ending(new Branches.JumpTo(block.source(d, size), size)); // JMP
            case 6 -> new StackInstructions.Push(block.source(d, size), size); // PUSH
            default -> null; // INC and DEC are arithmetic; far ones: SystemSelector
        };
    }

    private static @Nullable Instruction stack(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        return switch (d.opcode) {
            case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 -> push(d.rm, size); // PUSH
            case 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F -> pop(d.rm, size); // POP
            case 0x60 -> new StackInstructions.PushAll(size); // PUSHA
            case 0x61 -> new StackInstructions.PopAll(size); // POPA
            case 0x68, 0x6A -> new StackInstructions.Push(Operand.immediate(d.immediate, 8), size); // PUSH
            case 0x8F -> popOperand(d, block); // POP
            case 0x9C -> new Plain((cpu, at) -> SystemInstructions.pushFlags(cpu, size, at)); // PUSHF
            case 0x9D -> block.ending(new Ending((cpu, at) -> SystemInstructions.popFlags(cpu, size, at))); // POPF
            case 0xC8 -> new StackInstructions.Enter((int) d.immediate, d.immediate2, size); // ENTER
            case 0xC9 -> new StackInstructions.Leave(size); // LEAVE
            default -> null;
        };
    }

    private static @Nullable Instruction flag(Decoded d) {
        return switch (d.opcode) {
            case 0x9E -> new Plain(SystemInstructions::sahf); // SAHF
            case 0x9F -> new Plain(SystemInstructions::lahf); // LAHF
            case 0xD6 -> // SALC: undocumented, not in 64-bit mode
                new Plain((cpu, at) -> Operand.register(Cpu.RAX, 1).write(cpu, Flags.carry(cpu) ? 0xFF : 0, at));
            case 0xF5 -> new CarryFlag(CarryFlag.Change.COMPLEMENT); // CMC
            case 0xF8 -> new CarryFlag(CarryFlag.Change.CLEAR); // CLC
            case 0xF9 -> new CarryFlag(CarryFlag.Change.SET); // STC
            case 0xFC -> new Plain((cpu, at) -> cpu.flags &= ~Flags.DF); // CLD
            case 0xFD -> new Plain((cpu, at) -> cpu.flags |= Flags.DF); // STD
            default -> null;
        };
    }

    // Branches

    private static int target(Decoded d) {
        return d.end + (int) d.immediate;
    }

    private static Instruction conditionalJump(Decoded d, BlockBuilder block) {
        CodePage page = block.page();
        int condition = d.opcode & 0xF;
        Comparison comparison = block.comparison();
        boolean faults =
                d.mode != CodeMode.BITS_64 && !Branches.Direct.inside(target(d)); // which would be the comparison's
        if (comparison != null && Flags.hasAnswers(condition) && !faults) {
            block.absorbLast();
            return block.ending(comparison.with(condition, page, d.end, target(d), d.operandSize));
        }
        return block.ending(Branches.conditional(d.opcode & 0xF, page, d.end, target(d), d.operandSize));
    }

    private static Instruction call(Decoded d, BlockBuilder block) {
        if (d.mode == CodeMode.BITS_64) return block.ending(new Branches.Call64(block.page(), d.end, target(d)));
        return block.ending(new Branches.Call(block.page(), d.end, target(d), d.operandSize));
    }

    private static Instruction ret(Decoded d, BlockBuilder block, int extra) {
        if (d.mode == CodeMode.BITS_64) return block.ending(new Branches.Return64(extra));
        return block.ending(new Branches.Return(d.operandSize, extra));
    }

    private static @Nullable Instruction bound(Decoded d, BlockBuilder block) {
        if (d.isRegister()) return null;
        int size = d.operandSize;
        Address address = block.address(d, 2 * size, false);
        Operand index = block.register(d, size);
        int unused = Long.SIZE - size * Byte.SIZE;
        return new Plain((cpu, at) -> {
            long linear = address.linear(cpu);
            long value = index.read(cpu, at) << unused >> unused;
            long lower = cpu.mmu.load(linear, size, at) << unused >> unused;
            long upper = cpu.mmu.load(linear + size, size, at) << unused >> unused;
            if (value < lower || value > upper) throw cpu.fault(Vectors.BR, at);
        });
    }

    // The stack

    private static Instruction push(int register, int size) {
        if (size == 8) return new StackInstructions.Push64(register);
        return new StackInstructions.Push(Operand.register(register, size), size);
    }

    private static Instruction pop(int register, int size) {
        if (size == 8) return new StackInstructions.Pop64(register);
        return new StackInstructions.Pop(Operand.register(register, size), size);
    }

    private static @Nullable Instruction popOperand(Decoded d, BlockBuilder block) {
        if (d.group() != 0) return null;
        int size = d.operandSize;
        if (d.isRegister()) return new StackInstructions.Pop(block.target(d, size), size);
        if (d.base == Cpu.RSP) d.displacement += size;
        return new StackInstructions.PopMemory(block.target(d, size), size);
    }
}
