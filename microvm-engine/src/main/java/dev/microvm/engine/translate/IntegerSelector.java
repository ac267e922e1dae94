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
import dev.microvm.engine.exec.Faulting;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.integer.Arithmetic;
import dev.microvm.engine.exec.integer.Bits;
import dev.microvm.engine.exec.integer.Branches;
import dev.microvm.engine.exec.integer.Comparison;
import dev.microvm.engine.exec.integer.Moves;
import dev.microvm.engine.exec.integer.RegisterArithmetic;
import dev.microvm.engine.exec.integer.Shifts;
import dev.microvm.engine.exec.integer.StackInstructions;
import dev.microvm.engine.exec.integer.Strings;
import dev.microvm.engine.exec.system.SystemInstructions;
import dev.microvm.engine.simd.Crc32;
import org.jspecify.annotations.Nullable;

/** General-purpose instructions: Intel SDM vol. 1, chapter 7. Opcodes as in vol. 2D, appendix A. */
final class IntegerSelector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        if (d.lock && !lockable(d)) return block.ending(Faulting.undefined());
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d, block);
            case 1 -> after0f(d, block);
            case 2 -> after0f38(d, block);
            default -> null;
        };
    }

    /** Intel SDM vol. 2A, LOCK. */
    private static boolean lockable(Decoded d) {
        int opcode = d.opcode;
        if (opcode == 0x120 || opcode == 0x122) return d.reg == 0; // CR8 by another name: AMD APM vol. 3, MOV CRn
        if (!d.hasModRm || d.isRegister()) return false;
        if (opcode < 0x38) return (opcode & 7) < 2; // not CMP
        return switch (opcode) {
            case 0x80, 0x81, 0x82, 0x83 -> d.group() != Arithmetic.CMP;
            case 0x86, 0x87 -> true;
            case 0xF6, 0xF7 -> d.group() == 2 || d.group() == 3;
            case 0xFE, 0xFF -> d.group() < 2;
            case 0x1AB, 0x1B3, 0x1BB, 0x1B0, 0x1B1, 0x1C0, 0x1C1 -> true;
            case 0x1BA -> d.group() > 4;
            case 0x1C7 -> d.group() == 1;
            default -> false;
        };
    }

    /** Bytes of the operand: 1 where bit 0 of the opcode is clear. */
    private static int size(Decoded d) {
        return (d.opcode & 1) == 0 ? 1 : d.operandSize;
    }

    private @Nullable Instruction oneByte(Decoded d, BlockBuilder block) {
        int opcode = d.opcode;
        if (opcode < 0x40 && (opcode & 7) < 6) return arithmetic(d, block);
        return switch (opcode) {
            case 0x27, 0x2F, 0x37, 0x3F -> new Arithmetic.Decimal(opcode, 0);
            case 0xD4, 0xD5 -> new Arithmetic.Decimal(opcode, (int) d.immediate & 0xFF);
            case 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47 -> step(1, d);
            case 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F -> step(-1, d);
            case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 ->
                d.operandSize == 8
                        ? new StackInstructions.Push64(d.rm)
                        : new StackInstructions.Push(Operand.register(d.rm, d.operandSize), d.operandSize);
            case 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F ->
                d.operandSize == 8
                        ? new StackInstructions.Pop64(d.rm)
                        : new StackInstructions.Pop(Operand.register(d.rm, d.operandSize), d.operandSize);
            case 0x60 -> new StackInstructions.PushAll(d.operandSize);
            case 0x61 -> new StackInstructions.PopAll(d.operandSize);
            case 0x62 -> bound(d, block);
            case 0x63 -> moveSignExtended32(d, block);
            case 0x68, 0x6A -> new StackInstructions.Push(Operand.immediate(d.immediate, 8), d.operandSize);
            case 0x69, 0x6B -> {
                int size = d.operandSize;
                if (size >= 4) {
                    int left = sourceRegister(d, block, size);
                    block.addPart(new Moves.Immediate(Cpu.IMMEDIATE, d.immediate));
                    yield new RegisterArithmetic.Multiply(d.reg, left, Cpu.IMMEDIATE, size);
                }
                Operand source = block.source(d, size);
                yield new Arithmetic.Multiply(
                        block.register(d, size), source, Operand.immediate(d.immediate, size), size);
            }
            case 0x6C, 0x6D, 0x6E, 0x6F, 0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF -> string(d);
            case 0x80, 0x81, 0x82, 0x83 -> arithmeticImmediate(d, block);
            case 0x84, 0x85 -> test(d, block);
            case 0x86, 0x87 -> exchange(d, block);
            case 0x88, 0x89, 0x8A, 0x8B -> move(d, block);
            case 0x8D -> loadAddress(d, block);
            case 0x8F -> popOperand(d, block);
            case 0x90 -> d.rm != Cpu.RAX ? exchangeAccumulator(d) : d.repeat ? pause() : BlockBuilder.NOTHING;
            case 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97 -> exchangeAccumulator(d);
            case 0x98 -> {
                int half = d.operandSize / 2;
                if (half > 1) yield new Moves.SignExtend(Cpu.RAX, d.operandSize, Cpu.RAX, half);
                yield new Moves.SignExtendGeneral(
                        Operand.register(Cpu.RAX, d.operandSize), Operand.register(Cpu.RAX, half), half);
            }
            case 0x99 -> new Moves.SpreadSign(d.operandSize);
            case 0x9C, 0x9D -> flags(d, block);
            case 0x9E -> new Plain(SystemInstructions::sahf);
            case 0x9F -> new Plain(SystemInstructions::lahf);
            case 0xA0, 0xA1 -> {
                Operand source = block.source(d, size(d));
                yield new Moves.General(Operand.register(Cpu.RAX, size(d)), source);
            }
            case 0xA2, 0xA3 -> {
                Operand target = block.target(d, size(d));
                yield new Moves.General(target, Operand.register(Cpu.RAX, size(d)));
            }
            case 0xA8, 0xA9 -> Comparison.testImmediate(Cpu.RAX, (int) d.immediate, size(d));
            case 0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7 -> moveImmediate(d, block, 1);
            case 0xB8, 0xB9, 0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF -> moveImmediate(d, block, d.operandSize);
            case 0xC0, 0xC1 -> shift(d, block, Operand.immediate(d.immediate, 1), (int) d.immediate & 0xFF);
            case 0xD0, 0xD1 -> shift(d, block, Operand.immediate(1, 1), 1);
            case 0xD2, 0xD3 -> shift(d, block, Operand.register(Cpu.RCX, 1), 0);
            case 0xC2 -> ret(d, block, (int) d.immediate);
            case 0xC3 -> ret(d, block, 0);
            case 0xC6, 0xC7 -> {
                if (d.group() != 0) yield null;
                int size = size(d);
                if (d.isRegister()) yield moveImmediate(d, block, size);
                Address address = block.address(d, size, true);
                block.addPart(new Moves.Immediate(Cpu.IMMEDIATE, d.immediate));
                yield Moves.store(address, Cpu.IMMEDIATE, size);
            }
            case 0xC8 -> new StackInstructions.Enter((int) d.immediate, d.immediate2, d.operandSize);
            case 0xC9 -> new StackInstructions.Leave(d.operandSize);
            case 0xD6 -> // SALC: undocumented, not in 64-bit mode
                new Plain((cpu, at) -> Operand.register(Cpu.RAX, 1).write(cpu, Flags.carry(cpu) ? 0xFF : 0, at));
            case 0xD7 -> translateByte(d, block);
            case 0xE0, 0xE1, 0xE2, 0xE3 ->
                block.ending(new Branches.Loop(opcode, d.addressSize, block.page(), d.end, target(d), branchSize(d)));
            case 0xE8 -> call(d, block);
            case 0xE9, 0xEB -> block.ending(new Branches.Jump(block.page(), d.end, target(d), branchSize(d)));
            case 0xF5 -> new Plain((cpu, at) -> Flags.carry(cpu, !Flags.carry(cpu)));
            case 0xF8 -> new Plain((cpu, at) -> Flags.carry(cpu, false));
            case 0xF9 -> new Plain((cpu, at) -> Flags.carry(cpu, true));
            case 0xFC -> new Plain((cpu, at) -> cpu.flags &= ~Flags.DF);
            case 0xFD -> new Plain((cpu, at) -> cpu.flags |= Flags.DF);
            case 0xF6, 0xF7 -> group3(d, block);
            case 0xFE, 0xFF -> group5(d, block);
            default -> opcode >= 0x70 && opcode <= 0x7F ? conditionalJump(d, block) : null;
        };
    }

    private @Nullable Instruction after0f(Decoded d, BlockBuilder block) {
        int opcode = d.opcode & 0xFF;
        int size = d.operandSize;
        return switch (opcode) {
            case 0x0D, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F -> BlockBuilder.NOTHING; // prefetch, hints
            case 0xA3, 0xAB, 0xB3, 0xBB -> bitTest(d, block);
            case 0xA4, 0xA5, 0xAC, 0xAD -> {
                Operand count = (opcode & 1) == 0 ? Operand.immediate(d.immediate, 1) : Operand.register(Cpu.RCX, 1);
                Operand target = block.target(d, size);
                yield new Shifts.DoubleShift(opcode < 0xA8, target, block.register(d, size), count, size);
            }
            case 0xAF -> {
                if (size >= 4)
                    yield new RegisterArithmetic.Multiply(d.reg, d.reg, sourceRegister(d, block, size), size);
                Operand source = block.source(d, size);
                Operand target = block.register(d, size);
                yield new Arithmetic.Multiply(target, target, source, size);
            }
            case 0xB0, 0xB1 -> {
                Operand target = block.target(d, size(d));
                yield new Arithmetic.CompareExchange(target, block.register(d, size(d)), size(d)).locked(d.lock);
            }
            case 0xB6, 0xB7 -> zeroExtend(d, block, opcode == 0xB6 ? 1 : 2);
            case 0xBE, 0xBF -> {
                int from = opcode == 0xBE ? 1 : 2;
                if (size >= 4 && hasLowSource(d, from)) {
                    yield new Moves.SignExtend(d.reg, size, sourceRegister(d, block, from), from);
                }
                Operand source = block.source(d, from);
                yield new Moves.SignExtendGeneral(block.register(d, size), source, from);
            }
            case 0xB8 -> {
                if (!d.repeat) yield null;
                Operand source = block.source(d, size);
                yield new Bits.Population(block.register(d, size), source);
            }
            case 0xBA -> {
                if (d.group() < 4) yield null;
                Operand bit = Operand.immediate(d.immediate, 1);
                if (d.group() == 4) yield new Shifts.BitRead(block.source(d, size), bit, size);
                yield new Shifts.BitTest(d.group() - 4, block.target(d, size), bit, size).locked(d.lock);
            }
            case 0xBC, 0xBD -> {
                Operand source = block.source(d, size);
                if (d.repeat) yield new Bits.ZeroCount(opcode == 0xBC, block.register(d, size), source, size);
                yield new Shifts.Scan(opcode == 0xBC, block.register(d, size), source);
            }
            case 0xC0, 0xC1 -> {
                Operand target = block.target(d, size(d));
                yield new Arithmetic.ExchangeAdd(target, block.register(d, size(d)), size(d)).locked(d.lock);
            }
            case 0xC3 -> { // MOVNTI
                if (d.isRegister() || d.mandatoryPrefix() != 0) yield null;
                int wide = d.rexW ? 8 : 4;
                Operand target = block.target(d, wide);
                yield new Moves.General(target, block.register(d, wide));
            }
            case 0xC7 -> {
                if (d.isRegister() || d.group() != 1) yield null;
                Address address = block.address(d, size == 8 ? 16 : 8, true);
                yield new Arithmetic.CompareExchangePair(new Operand.Memory(address, 8), size == 8, d.lock);
            }
            case 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF -> new Moves.SwapBytes(d.rm, size);
            default -> {
                if (opcode >= 0x40 && opcode <= 0x4F) yield conditionalMove(d, block);
                if (opcode >= 0x90 && opcode <= 0x9F) yield setCondition(d, block);
                if (opcode < 0x80 || opcode > 0x8F) yield null;
                yield conditionalJump(d, block);
            }
        };
    }

    /** MOVBE, CRC32, ADCX and ADOX. */
    private static @Nullable Instruction after0f38(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        return switch (d.opcode & 0xFF) {
            case 0xF0, 0xF1 -> {
                if (d.repeatNotEqual) yield checksum(d, block);
                if (d.isRegister() || d.repeat) yield null;
                boolean stores = (d.opcode & 1) != 0;
                Operand memory = stores ? block.target(d, size) : block.source(d, size);
                Operand register = block.register(d, size);
                yield stores ? new Moves.Swapped(memory, register, size) : new Moves.Swapped(register, memory, size);
            }
            case 0xF6 -> {
                if (d.repeatNotEqual || !(d.repeat || d.operandPrefix)) yield null;
                int wide = d.rexW ? 8 : 4;
                boolean byOverflow = d.repeat;
                Operand source = block.source(d, wide);
                Operand target = block.register(d, wide);
                yield new Plain((cpu, at) -> Bits.addWithCarry(cpu, byOverflow, target, source, wide, at));
            }
            default -> null;
        };
    }

    private static Instruction checksum(Decoded d, BlockBuilder block) {
        int size = size(d);
        Operand source = block.source(d, size);
        Operand target = Operand.register(d.reg, 4);
        return new Plain((cpu, at) -> {
            long value = source.read(cpu, at);
            target.write(cpu, Crc32.crc32((int) target.read(cpu, at), value, size), at);
        });
    }

    // Arithmetic

    /** The first rows of the opcode map: operation in bits 3 to 5, form in bits 0 to 2. */
    private static Instruction arithmetic(Decoded d, BlockBuilder block) {
        int operation = d.opcode >> 3;
        int size = size(d);
        return switch (d.opcode & 7) {
            case 0, 1 -> {
                Instruction fast = fastFromRegister(operation, d, block, size);
                if (fast != null) yield fast;
                Operand target = operation == Arithmetic.CMP ? block.source(d, size) : block.target(d, size);
                yield general(operation, target, block.register(d, size), size, d.lock);
            }
            case 2, 3 -> {
                Instruction fast = fastToRegister(operation, d, block, size);
                if (fast != null) yield fast;
                Operand source = block.source(d, size);
                yield general(operation, block.register(d, size), source, size, false);
            }
            default -> {
                if (operation == Arithmetic.CMP) yield Comparison.compareImmediate(Cpu.RAX, (int) d.immediate, size);
                if (size >= 4) yield fastImmediate(operation, Cpu.RAX, d, block, size);
                Operand immediate = Operand.immediate(d.immediate, size);
                yield general(operation, Operand.register(Cpu.RAX, size), immediate, size, false);
            }
        };
    }

    private static Instruction arithmeticImmediate(Decoded d, BlockBuilder block) {
        int operation = d.group();
        int size = size(d);
        if (operation == Arithmetic.CMP && hasLowSource(d, size)) {
            return Comparison.compareImmediate(sourceRegister(d, block, size), (int) d.immediate, size);
        }
        if (size >= 4 && !d.lock && operation != Arithmetic.CMP) {
            if (d.isRegister()) return fastImmediate(operation, d.rm, d, block, size);
            Address address = loadForWrite(d, block, size);
            block.addPart(fastImmediate(operation, Cpu.OPERAND, d, block, size));
            return Moves.store(address, Cpu.OPERAND, size);
        }
        Operand target = operation == Arithmetic.CMP ? block.source(d, size) : block.target(d, size);
        return general(operation, target, Operand.immediate(d.immediate, size), size, d.lock);
    }

    private static Instruction general(int operation, Operand target, Operand source, int size, boolean lock) {
        if (operation == Arithmetic.CMP) return new Arithmetic.Compare(target, source, size);
        return new Arithmetic.Binary(operation, target, source, size).locked(lock);
    }

    // Operands as RegisterArithmetic and Comparison take them: the low bits of registers

    /** Whether a byte register is a low one. */
    private static boolean isLow(Decoded d, int register, int size) {
        return size > 1 || d.rex || register < 4;
    }

    /** Whether the ModR/M operand is memory, or the low bits of a register. */
    private static boolean hasLowSource(Decoded d, int size) {
        return !d.isRegister() || isLow(d, d.rm, size);
    }

    /** The register that holds the ModR/M operand; memory is loaded into one. */
    private static int sourceRegister(Decoded d, BlockBuilder block, int size) {
        if (d.isRegister()) return d.rm;
        block.addPart(Moves.load(Cpu.OPERAND, block.address(d, size, false), size));
        return Cpu.OPERAND;
    }

    /** Loads a memory operand that is stored after. */
    private static Address loadForWrite(Decoded d, BlockBuilder block, int size) {
        Address address = block.address(d, size, true);
        block.addPart(Moves.loadForWrite(Cpu.OPERAND, address, size));
        return address;
    }

    private static @Nullable Instruction fastFromRegister(int operation, Decoded d, BlockBuilder block, int size) {
        if (operation == Arithmetic.CMP) {
            if (!hasLowSource(d, size) || !isLow(d, d.reg, size)) return null;
            return Comparison.compare(sourceRegister(d, block, size), d.reg, size);
        }
        if (d.lock || size < 4) return null;
        if (d.isRegister()) return RegisterArithmetic.registers(operation, d.rm, d.reg, size);
        Address address = loadForWrite(d, block, size);
        block.addPart(RegisterArithmetic.registers(operation, Cpu.OPERAND, d.reg, size));
        return Moves.store(address, Cpu.OPERAND, size);
    }

    private static @Nullable Instruction fastToRegister(int operation, Decoded d, BlockBuilder block, int size) {
        if (operation == Arithmetic.CMP) {
            if (!hasLowSource(d, size) || !isLow(d, d.reg, size)) return null;
            return Comparison.compare(d.reg, sourceRegister(d, block, size), size);
        }
        if (size < 4) return null;
        return RegisterArithmetic.registers(operation, d.reg, sourceRegister(d, block, size), size);
    }

    private static Instruction fastImmediate(int operation, int target, Decoded d, BlockBuilder block, int size) {
        Instruction fast = RegisterArithmetic.immediate(operation, target, (int) d.immediate, size);
        if (fast != null) return fast;
        block.addPart(new Moves.Immediate(Cpu.IMMEDIATE, d.immediate));
        return RegisterArithmetic.registers(operation, target, Cpu.IMMEDIATE, size);
    }

    private static Instruction test(Decoded d, BlockBuilder block) {
        int size = size(d);
        if (hasLowSource(d, size) && isLow(d, d.reg, size)) {
            return Comparison.test(sourceRegister(d, block, size), d.reg, size);
        }
        Operand left = block.source(d, size);
        return new Arithmetic.Test(left, block.register(d, size), size);
    }

    private static Instruction testImmediate(Decoded d, BlockBuilder block) {
        int size = size(d);
        if (hasLowSource(d, size)) {
            return Comparison.testImmediate(sourceRegister(d, block, size), (int) d.immediate, size);
        }
        return new Arithmetic.Test(block.source(d, size), Operand.immediate(d.immediate, size), size);
    }

    /** INC and DEC of one byte, outside of 64-bit mode. */
    private static Instruction step(int step, Decoded d) {
        if (d.operandSize == 4) return new RegisterArithmetic.Step(step, d.rm, 4);
        return new Arithmetic.Step(step, Operand.register(d.rm, d.operandSize), d.operandSize);
    }

    private static @Nullable Instruction group3(Decoded d, BlockBuilder block) {
        int size = size(d);
        return switch (d.group()) {
            case 0, 1 -> testImmediate(d, block);
            case 2 -> new Arithmetic.Not(block.target(d, size), size).locked(d.lock);
            case 3 -> new Arithmetic.Negate(block.target(d, size), size).locked(d.lock);
            default -> new Arithmetic.Wide(d.group(), block.source(d, size), size);
        };
    }

    private static Instruction step(Decoded d, BlockBuilder block, int size) {
        int step = d.group() == 0 ? 1 : -1;
        if (size < 4 || d.lock) return new Arithmetic.Step(step, block.target(d, size), size).locked(d.lock);
        if (d.isRegister()) return new RegisterArithmetic.Step(step, d.rm, size);
        Address address = loadForWrite(d, block, size);
        block.addPart(new RegisterArithmetic.Step(step, Cpu.OPERAND, size));
        return Moves.store(address, Cpu.OPERAND, size);
    }

    private static @Nullable Instruction group5(Decoded d, BlockBuilder block) {
        int size = size(d);
        if (d.group() < 2) return step(d, block, size);
        if (d.opcode == 0xFE) return null;
        return switch (d.group()) {
            case 2 -> block.ending(new Branches.CallTo(block.source(d, size), size));
            case 4 -> block.ending(new Branches.JumpTo(block.source(d, size), size));
            case 6 -> new StackInstructions.Push(block.source(d, size), size);
            default -> null; // far ones: SystemSelector
        };
    }

    // Moves

    private static Instruction move(Decoded d, BlockBuilder block) {
        int size = size(d);
        boolean load = d.opcode >= 0x8A;
        if (d.isRegister()) {
            int to = load ? d.reg : d.rm;
            int from = load ? d.rm : d.reg;
            if (size == 8) return new Moves.Register64(to, from);
            if (size == 4) return new Moves.ZeroExtend(to, from, 4);
            return new Moves.General(block.byNumber(d, to, size), block.byNumber(d, from, size));
        }
        if (load && size < 4) {
            Operand memory = block.source(d, size);
            return new Moves.General(block.register(d, size), memory);
        }
        if (!isLow(d, d.reg, size)) {
            Operand memory = block.target(d, size);
            return new Moves.General(memory, block.register(d, size));
        }
        Address address = block.address(d, size, !load);
        return load ? Moves.load(d.reg, address, size) : Moves.store(address, d.reg, size);
    }

    private static Instruction moveImmediate(Decoded d, BlockBuilder block, int size) {
        if (size == 8) return new Moves.Immediate(d.rm, d.immediate);
        if (size == 4) return new Moves.Immediate(d.rm, d.immediate & 0xFFFF_FFFFL);
        return new Moves.General(block.byNumber(d, d.rm, size), Operand.immediate(d.immediate, size));
    }

    private static Instruction zeroExtend(Decoded d, BlockBuilder block, int from) {
        if (d.operandSize >= 4) {
            if (!d.isRegister()) return Moves.load(d.reg, block.address(d, from, false), from);
            if (isLow(d, d.rm, from)) return new Moves.ZeroExtend(d.reg, d.rm, from);
        }
        Operand source = block.source(d, from);
        return new Moves.General(block.register(d, d.operandSize), source);
    }

    private static Instruction moveSignExtended32(Decoded d, BlockBuilder block) {
        if (d.mode == CodeMode.BITS_64) {
            int from = Math.min(4, d.operandSize);
            if (from == 4) return new Moves.SignExtend(d.reg, d.operandSize, sourceRegister(d, block, 4), 4);
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
            return new Moves.ConditionalRegister(condition, d.reg, sourceRegister(d, block, size), size);
        }
        Operand source = block.source(d, size);
        return new Moves.Conditional(condition, block.register(d, size), source);
    }

    private static Instruction setCondition(Decoded d, BlockBuilder block) {
        int condition = d.opcode & 0xF;
        if (d.isRegister() && isLow(d, d.rm, 1) && Flags.hasAnswers(condition)) {
            return new Moves.SetRegister(condition, d.rm);
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

    /** PAUSE: another thread of the host may be who is waited for. */
    private static Instruction pause() {
        return new Plain((cpu, at) -> Thread.onSpinWait());
    }

    private static Instruction exchange(Decoded d, BlockBuilder block) {
        int size = size(d);
        Operand target = block.target(d, size);
        return new Arithmetic.Exchange(target, block.register(d, size), size).locked(!d.isRegister());
    }

    private static Instruction exchangeAccumulator(Decoded d) {
        int size = d.operandSize;
        return new Arithmetic.Exchange(Operand.register(d.rm, size), Operand.register(Cpu.RAX, size), size);
    }

    private static @Nullable Instruction popOperand(Decoded d, BlockBuilder block) {
        if (d.group() != 0) return null;
        int size = d.operandSize;
        if (d.isRegister()) return new StackInstructions.Pop(block.target(d, size), size);
        if (d.base == Cpu.RSP) d.displacement += size;
        return new StackInstructions.PopMemory(block.target(d, size), size);
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

    // Shifts and bits

    private static Instruction shift(Decoded d, BlockBuilder block, Operand count, int constant) {
        int size = size(d);
        int operation = d.group();
        int n = constant & (size == 8 ? 0x3F : 0x1F);
        if (d.isRegister() && n != 0 && size >= 4) {
            Instruction fast = Shifts.constant(operation, d.rm, n, size);
            if (fast != null) return fast;
        }
        return new Shifts.General(operation, block.target(d, size), count, size);
    }

    private static Instruction bitTest(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        int operation = (d.opcode & 0xFF) >> 3 & 3;
        Operand bit = block.register(d, size);
        Operand target;
        if (d.isRegister()) {
            target = block.target(d, size);
        } else {
            boolean writes = operation != Shifts.BitTest.TEST;
            Instruction moved =
                    new Shifts.BitAddress(block.offset(d), d.segment, BlockBuilder.mask(d), bit, size, writes);
            block.addPart(moved);
            target = new Operand.Memory(Address.COMPUTED, size);
        }
        if (operation == Shifts.BitTest.TEST) return new Shifts.BitRead(target, bit, size);
        return new Shifts.BitTest(operation, target, bit, size).locked(d.lock);
    }

    // Strings, flags

    private static Instruction string(Decoded d) {
        int operation = d.opcode & 0xFE;
        int size = (d.opcode & 1) == 0 ? 1 : d.operandSize;
        if (operation == Strings.INS || operation == Strings.OUTS) size = Math.min(size, 4);
        Strings.Repeat repeat = d.repeat
                ? Strings.Repeat.WHILE_EQUAL
                : d.repeatNotEqual ? Strings.Repeat.WHILE_NOT_EQUAL : Strings.Repeat.NO;
        return new Strings(operation, size, repeat, d.addressSize, d.segment);
    }

    private static Instruction flags(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        if (d.opcode == 0x9C) return new Plain((cpu, at) -> SystemInstructions.pushFlags(cpu, size, at));
        return block.ending(new Ending((cpu, at) -> SystemInstructions.popFlags(cpu, size, at)));
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

    // Branches

    private static int branchSize(Decoded d) {
        return d.operandSize;
    }

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
            return block.ending(comparison.with(condition, page, d.end, target(d), branchSize(d)));
        }
        return block.ending(Branches.conditional(d.opcode & 0xF, page, d.end, target(d), branchSize(d)));
    }

    private static Instruction call(Decoded d, BlockBuilder block) {
        if (d.mode == CodeMode.BITS_64) return block.ending(new Branches.Call64(block.page(), d.end, target(d)));
        return block.ending(new Branches.Call(block.page(), d.end, target(d), branchSize(d)));
    }

    private static Instruction ret(Decoded d, BlockBuilder block, int extra) {
        if (d.mode == CodeMode.BITS_64) return block.ending(new Branches.Return64(extra));
        return block.ending(new Branches.Return(d.operandSize, extra));
    }
}
