package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.integer.Arithmetic;
import dev.microvm.engine.exec.integer.MemoryMoves;
import dev.microvm.engine.exec.integer.Moves;
import dev.microvm.engine.exec.integer.RegisterMoves;
import dev.microvm.engine.exec.integer.Strings;
import dev.microvm.engine.exec.system.SystemInstructions;
import org.jspecify.annotations.Nullable;

/**
 * Moves, exchanges and conversions of general registers, and strings: Intel SDM vol. 1, 7.3.1 and
 * 7.3.9.
 */
final class MoveSelector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d, block);
            case 1 -> after0f(d, block);
            case 2 -> d.opcode == 0x2F0 || d.opcode == 0x2F1 ? moveSwapped(d, block) : null; // MOVBE
            default -> null;
        };
    }

    private static @Nullable Instruction oneByte(Decoded d, BlockBuilder block) {
        int opcode = d.opcode;
        if (opcode >= 0xB0 && opcode <= 0xBF) return moveImmediate(d, block, opcode < 0xB8 ? 1 : d.operandSize); // MOV
        return switch (opcode) {
            case 0x63 -> moveSignExtended32(d, block); // MOVSXD, ARPL
            case 0x86, 0x87 -> exchange(d, block); // XCHG
            case 0x88, 0x89, 0x8A, 0x8B -> move(d, block); // MOV
            case 0x8D -> loadAddress(d, block); // LEA
            case 0x90 -> d.rm != Cpu.RAX ? exchangeAccumulator(d) : d.repeat ? pause() : BlockBuilder.NOTHING; // NOP
            case 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97 -> exchangeAccumulator(d); // XCHG
            case 0x98 -> widenAccumulator(d.operandSize); // CBW, CWDE, CDQE
            case 0x99 -> new Moves.SpreadSign(d.operandSize); // CWD, CDQ, CQO
            case 0xA0, 0xA1 -> { // MOV
                Operand source = block.source(d, d.sizeByOpcode());
                yield new Moves.General(Operand.register(Cpu.RAX, d.sizeByOpcode()), source);
            }
            case 0xA2, 0xA3 -> { // MOV
                Operand target = block.target(d, d.sizeByOpcode());
                yield new Moves.General(target, Operand.register(Cpu.RAX, d.sizeByOpcode()));
            }
            case 0x6C, 0x6D, 0x6E, 0x6F -> string(d); // INS, OUTS
            case 0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF -> string(d); // MOVS CMPS STOS LODS SCAS
            case 0xC6, 0xC7 -> d.group() == 0 ? moveImmediateTo(d, block, d.sizeByOpcode()) : null; // MOV
            case 0xD7 -> translateByte(d, block); // XLAT
            default -> null;
        };
    }

    private static @Nullable Instruction after0f(Decoded d, BlockBuilder block) {
        int opcode = d.opcode & 0xFF;
        return switch (opcode) {
            case 0x0D, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F -> BlockBuilder.NOTHING; // PREFETCH, hints, NOP
            case 0xB6, 0xB7 -> zeroExtend(d, block, opcode == 0xB6 ? 1 : 2); // MOVZX
            case 0xBE, 0xBF -> signExtend(d, block, opcode == 0xBE ? 1 : 2); // MOVSX
            case 0xC3 -> moveAroundCaches(d, block); // MOVNTI
            case 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF -> new Moves.SwapBytes(d.rm, d.operandSize); // BSWAP
            default -> {
                if (opcode >= 0x40 && opcode <= 0x4F) yield conditionalMove(d, block); // CMOVcc
                if (opcode >= 0x90 && opcode <= 0x9F) yield setCondition(d, block); // SETcc
                yield null;
            }
        };
    }

    private static Instruction move(Decoded d, BlockBuilder block) {
        int size = d.sizeByOpcode();
        boolean load = d.opcode >= 0x8A;
        if (d.isRegister()) {
            int to = load ? d.reg : d.rm;
            int from = load ? d.rm : d.reg;
            if (size == 8) return new RegisterMoves.Register64(to, from);
            if (size == 4) return new RegisterMoves.ZeroExtend(to, from, 4);
            return new Moves.General(block.byNumber(d, to, size), block.byNumber(d, from, size));
        }
        if (load && size < 4) {
            Operand memory = block.source(d, size);
            return new Moves.General(block.register(d, size), memory);
        }
        if (!RegisterOperands.isLow(d, d.reg, size)) {
            Operand memory = block.target(d, size);
            return new Moves.General(memory, block.register(d, size));
        }
        Address address = block.address(d, size, !load);
        return load ? MemoryMoves.load(d.reg, address, size) : MemoryMoves.store(address, d.reg, size);
    }

    private static Instruction moveImmediate(Decoded d, BlockBuilder block, int size) {
        if (size == 8) return new RegisterMoves.Immediate(d.rm, d.immediate);
        if (size == 4) return new RegisterMoves.Immediate(d.rm, d.immediate & 0xFFFF_FFFFL);
        return new Moves.General(block.byNumber(d, d.rm, size), Operand.immediate(d.immediate, size));
    }

    private static Instruction moveImmediateTo(Decoded d, BlockBuilder block, int size) {
        if (d.isRegister()) return moveImmediate(d, block, size);
        Address address = block.address(d, size, true);
        block.addPart(new RegisterMoves.Immediate(Cpu.IMMEDIATE, d.immediate));
        return MemoryMoves.store(address, Cpu.IMMEDIATE, size);
    }

    private static @Nullable Instruction moveAroundCaches(Decoded d, BlockBuilder block) {
        if (d.isRegister() || d.mandatoryPrefix() != Decoded.NO_PREFIX) return null;
        int size = d.rexW ? 8 : 4;
        Operand target = block.target(d, size);
        return new Moves.General(target, block.register(d, size));
    }

    private static @Nullable Instruction moveSwapped(Decoded d, BlockBuilder block) {
        if (d.repeatNotEqual || d.isRegister() || d.repeat) return null;
        int size = d.operandSize;
        boolean stores = (d.opcode & 1) != 0;
        Operand memory = stores ? block.target(d, size) : block.source(d, size);
        Operand register = block.register(d, size);
        return stores ? new Moves.Swapped(memory, register, size) : new Moves.Swapped(register, memory, size);
    }

    private static Instruction zeroExtend(Decoded d, BlockBuilder block, int from) {
        if (d.operandSize >= 4) {
            if (!d.isRegister()) return MemoryMoves.load(d.reg, block.address(d, from, false), from);
            if (RegisterOperands.isLow(d, d.rm, from)) return new RegisterMoves.ZeroExtend(d.reg, d.rm, from);
        }
        Operand source = block.source(d, from);
        return new Moves.General(block.register(d, d.operandSize), source);
    }

    private static Instruction signExtend(Decoded d, BlockBuilder block, int from) {
        int size = d.operandSize;
        if (size >= 4 && RegisterOperands.hasLowSource(d, from)) {
            return new RegisterMoves.SignExtend(d.reg, size, RegisterOperands.sourceRegister(d, block, from), from);
        }
        Operand source = block.source(d, from);
        return new Moves.SignExtendGeneral(block.register(d, size), source, from);
    }

    private static Instruction widenAccumulator(int size) {
        int half = size / 2;
        if (half > 1) return new RegisterMoves.SignExtend(Cpu.RAX, size, Cpu.RAX, half);
        return new Moves.SignExtendGeneral(Operand.register(Cpu.RAX, size), Operand.register(Cpu.RAX, half), half);
    }

    private static Instruction moveSignExtended32(Decoded d, BlockBuilder block) {
        if (d.mode == CodeMode.BITS_64) {
            int from = Math.min(4, d.operandSize);
            if (from == 4)
                return new RegisterMoves.SignExtend(
                        d.reg, d.operandSize, RegisterOperands.sourceRegister(d, block, 4), 4);
            Operand source = block.source(d, from);
            return new Moves.General(block.register(d, d.operandSize), source);
        }
        Operand target = block.source(d, 2); // written only if it must be
        Operand source = block.register(d, 2);
        int segment = d.isRegister() ? Decoded.NONE : d.segment;
        return new Plain((cpu, at) -> SystemInstructions.adjustPrivilege(cpu, target, segment, source, at));
    }

    private static Instruction conditionalMove(Decoded d, BlockBuilder block) {
        int condition = d.opcode & 0xF;
        int size = d.operandSize;
        if (size >= 4 && Flags.hasAnswers(condition)) {
            return new RegisterMoves.ConditionalRegister(
                    condition, d.reg, RegisterOperands.sourceRegister(d, block, size), size);
        }
        Operand source = block.source(d, size);
        return new Moves.Conditional(condition, block.register(d, size), source);
    }

    private static Instruction setCondition(Decoded d, BlockBuilder block) {
        int condition = d.opcode & 0xF;
        if (d.isRegister() && RegisterOperands.isLow(d, d.rm, 1) && Flags.hasAnswers(condition)) {
            return new RegisterMoves.SetRegister(condition, d.rm);
        }
        return new Moves.SetCondition(condition, block.target(d, 1));
    }

    private static @Nullable Instruction loadAddress(Decoded d, BlockBuilder block) {
        if (d.isRegister()) return null;
        Address offset = block.offset(d);
        if (d.operandSize == 2) return new Moves.LoadAddress16(block.register(d, 2), offset, BlockBuilder.mask(d));
        long operandMask = d.operandSize == 8 ? -1L : 0xFFFF_FFFFL;
        return new Moves.LoadAddress(d.reg, offset, BlockBuilder.mask(d) & operandMask);
    }

    /** PAUSE: the guest may wait for another thread of the host. */
    private static Instruction pause() {
        return new Plain((cpu, at) -> Thread.onSpinWait());
    }

    private static Instruction exchange(Decoded d, BlockBuilder block) {
        int size = d.sizeByOpcode();
        Operand target = block.target(d, size);
        return new Arithmetic.Exchange(target, block.register(d, size), size).locked(!d.isRegister());
    }

    private static Instruction exchangeAccumulator(Decoded d) {
        int size = d.operandSize;
        return new Arithmetic.Exchange(Operand.register(d.rm, size), Operand.register(Cpu.RAX, size), size);
    }

    private static Instruction translateByte(Decoded d, BlockBuilder block) {
        d.mod = 0;
        d.base = Cpu.RBX;
        Address table = block.offset(d);
        long mask = BlockBuilder.mask(d);
        int segment = d.segment;
        return new Plain((cpu, at) -> {
            long offset = table.linear(cpu) + (cpu.r[Cpu.RAX] & 0xFF) & mask;
            long linear = cpu.segmentation.linearOrFlat(segment, offset, 1, false, at);
            Operand.register(Cpu.RAX, 1).write(cpu, cpu.mmu.load8(linear, at), at);
        });
    }

    private static Instruction string(Decoded d) {
        int operation = d.opcode & 0xFE;
        int size = (d.opcode & 1) == 0 ? 1 : d.operandSize;
        if (operation == Strings.INS || operation == Strings.OUTS) size = Math.min(size, 4);
        Strings.Repeat repeat = d.repeat
                ? Strings.Repeat.WHILE_EQUAL
                : d.repeatNotEqual ? Strings.Repeat.WHILE_NOT_EQUAL : Strings.Repeat.NO;
        return new Strings(operation, size, repeat, d.addressSize, d.segment);
    }
}
