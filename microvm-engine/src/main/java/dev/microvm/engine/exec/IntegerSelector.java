package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.BlockTranslator.Emission;
import dev.microvm.engine.exec.BlockTranslator.Faulting;
import dev.microvm.engine.simd.Crc32;
import org.jspecify.annotations.Nullable;

/** General-purpose instructions: Intel SDM vol. 1, chapter 7. Opcodes as in vol. 2D, appendix A. */
final class IntegerSelector implements BlockTranslator.Selector {
    @Override
    public @Nullable Instruction select(Decoded d, Emission e) {
        if (d.lock && !lockable(d)) return e.ending(Faulting.undefined());
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d, e);
            case 1 -> after0f(d, e);
            case 2 -> after0f38(d, e);
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

    private @Nullable Instruction oneByte(Decoded d, Emission e) {
        int opcode = d.opcode;
        if (opcode < 0x40 && (opcode & 7) < 6) return arithmetic(d, e);
        return switch (opcode) {
            case 0x27, 0x2F, 0x37, 0x3F -> new Arithmetic.Decimal(opcode, 0);
            case 0xD4, 0xD5 -> new Arithmetic.Decimal(opcode, (int) d.immediate & 0xFF);
            case 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47 -> step(1, d);
            case 0x48, 0x49, 0x4A, 0x4B, 0x4C, 0x4D, 0x4E, 0x4F -> step(-1, d);
            case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 ->
                d.operandSize == 8
                        ? new Stack.Push64(d.rm)
                        : new Stack.Push(Operand.register(d.rm, d.operandSize), d.operandSize);
            case 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F ->
                d.operandSize == 8
                        ? new Stack.Pop64(d.rm)
                        : new Stack.Pop(Operand.register(d.rm, d.operandSize), d.operandSize);
            case 0x60 -> new Stack.PushAll(d.operandSize);
            case 0x61 -> new Stack.PopAll(d.operandSize);
            case 0x62 -> bound(d, e);
            case 0x63 -> moveSignExtended32(d, e);
            case 0x68, 0x6A -> new Stack.Push(Operand.immediate(d.immediate, 8), d.operandSize);
            case 0x69, 0x6B -> {
                int size = d.operandSize;
                if (size >= 4) {
                    int left = sourceRegister(d, e, size);
                    e.addPart(new Moves.Immediate(Cpu.IMMEDIATE, d.immediate));
                    yield new RegisterArithmetic.Multiply(d.reg, left, Cpu.IMMEDIATE, size);
                }
                Operand source = e.source(d, size);
                yield new Arithmetic.Multiply(e.register(d, size), source, Operand.immediate(d.immediate, size), size);
            }
            case 0x6C, 0x6D, 0x6E, 0x6F, 0xA4, 0xA5, 0xA6, 0xA7, 0xAA, 0xAB, 0xAC, 0xAD, 0xAE, 0xAF -> string(d);
            case 0x80, 0x81, 0x82, 0x83 -> arithmeticImmediate(d, e);
            case 0x84, 0x85 -> test(d, e);
            case 0x86, 0x87 -> exchange(d, e);
            case 0x88, 0x89, 0x8A, 0x8B -> move(d, e);
            case 0x8D -> loadAddress(d, e);
            case 0x8F -> popOperand(d, e);
            case 0x90 -> d.rm != Cpu.RAX ? exchangeAccumulator(d) : d.repeat ? pause() : Emission.NOTHING;
            case 0x91, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97 -> exchangeAccumulator(d);
            case 0x98 -> {
                int half = d.operandSize / 2;
                if (half > 1) yield new Moves.SignExtend(Cpu.RAX, d.operandSize, Cpu.RAX, half);
                yield new Moves.SignExtendGeneral(
                        Operand.register(Cpu.RAX, d.operandSize), Operand.register(Cpu.RAX, half), half);
            }
            case 0x99 -> new Moves.SpreadSign(d.operandSize);
            case 0x9C, 0x9D -> flags(d, e);
            case 0x9E -> new Plain(SystemInstructions::sahf);
            case 0x9F -> new Plain(SystemInstructions::lahf);
            case 0xA0, 0xA1 -> {
                Operand source = e.source(d, size(d));
                yield new Moves.General(Operand.register(Cpu.RAX, size(d)), source);
            }
            case 0xA2, 0xA3 -> {
                Operand target = e.target(d, size(d));
                yield new Moves.General(target, Operand.register(Cpu.RAX, size(d)));
            }
            case 0xA8, 0xA9 -> Comparison.testImmediate(Cpu.RAX, (int) d.immediate, size(d));
            case 0xB0, 0xB1, 0xB2, 0xB3, 0xB4, 0xB5, 0xB6, 0xB7 -> moveImmediate(d, e, 1);
            case 0xB8, 0xB9, 0xBA, 0xBB, 0xBC, 0xBD, 0xBE, 0xBF -> moveImmediate(d, e, d.operandSize);
            case 0xC0, 0xC1 -> shift(d, e, Operand.immediate(d.immediate, 1), (int) d.immediate & 0xFF);
            case 0xD0, 0xD1 -> shift(d, e, Operand.immediate(1, 1), 1);
            case 0xD2, 0xD3 -> shift(d, e, Operand.register(Cpu.RCX, 1), 0);
            case 0xC2 -> ret(d, e, (int) d.immediate);
            case 0xC3 -> ret(d, e, 0);
            case 0xC6, 0xC7 -> {
                if (d.group() != 0) yield null;
                int size = size(d);
                if (d.isRegister()) yield moveImmediate(d, e, size);
                Address address = e.address(d, size, true);
                e.addPart(new Moves.Immediate(Cpu.IMMEDIATE, d.immediate));
                yield Moves.store(address, Cpu.IMMEDIATE, size);
            }
            case 0xC8 -> new Stack.Enter((int) d.immediate, d.immediate2, d.operandSize);
            case 0xC9 -> new Stack.Leave(d.operandSize);
            case 0xD6 -> // SALC: undocumented, not in 64-bit mode
                new Plain((cpu, at) -> Operand.register(Cpu.RAX, 1).write(cpu, Flags.carry(cpu) ? 0xFF : 0, at));
            case 0xD7 -> translateByte(d, e);
            case 0xE0, 0xE1, 0xE2, 0xE3 ->
                e.ending(new Branches.Loop(opcode, d.addressSize, e.page(), d.end, target(d), branchSize(d)));
            case 0xE8 -> call(d, e);
            case 0xE9, 0xEB -> e.ending(new Branches.Jump(e.page(), d.end, target(d), branchSize(d)));
            case 0xF5 -> new Plain((cpu, at) -> Flags.carry(cpu, !Flags.carry(cpu)));
            case 0xF8 -> new Plain((cpu, at) -> Flags.carry(cpu, false));
            case 0xF9 -> new Plain((cpu, at) -> Flags.carry(cpu, true));
            case 0xFC -> new Plain((cpu, at) -> cpu.flags &= ~Flags.DF);
            case 0xFD -> new Plain((cpu, at) -> cpu.flags |= Flags.DF);
            case 0xF6, 0xF7 -> group3(d, e);
            case 0xFE, 0xFF -> group5(d, e);
            default -> opcode >= 0x70 && opcode <= 0x7F ? conditionalJump(d, e) : null;
        };
    }

    private @Nullable Instruction after0f(Decoded d, Emission e) {
        int opcode = d.opcode & 0xFF;
        int size = d.operandSize;
        return switch (opcode) {
            case 0x0D, 0x18, 0x19, 0x1A, 0x1B, 0x1C, 0x1D, 0x1E, 0x1F -> Emission.NOTHING; // prefetch, hints
            case 0xA3, 0xAB, 0xB3, 0xBB -> bitTest(d, e);
            case 0xA4, 0xA5, 0xAC, 0xAD -> {
                Operand count = (opcode & 1) == 0 ? Operand.immediate(d.immediate, 1) : Operand.register(Cpu.RCX, 1);
                Operand target = e.target(d, size);
                yield new Shifts.DoubleShift(opcode < 0xA8, target, e.register(d, size), count, size);
            }
            case 0xAF -> {
                if (size >= 4) yield new RegisterArithmetic.Multiply(d.reg, d.reg, sourceRegister(d, e, size), size);
                Operand source = e.source(d, size);
                Operand target = e.register(d, size);
                yield new Arithmetic.Multiply(target, target, source, size);
            }
            case 0xB0, 0xB1 -> {
                Operand target = e.target(d, size(d));
                yield new Arithmetic.CompareExchange(target, e.register(d, size(d)), size(d)).locked(d.lock);
            }
            case 0xB6, 0xB7 -> zeroExtend(d, e, opcode == 0xB6 ? 1 : 2);
            case 0xBE, 0xBF -> {
                int from = opcode == 0xBE ? 1 : 2;
                if (size >= 4 && hasLowSource(d, from)) {
                    yield new Moves.SignExtend(d.reg, size, sourceRegister(d, e, from), from);
                }
                Operand source = e.source(d, from);
                yield new Moves.SignExtendGeneral(e.register(d, size), source, from);
            }
            case 0xB8 -> {
                if (!d.repeat) yield null;
                Operand source = e.source(d, size);
                yield new Bits.Population(e.register(d, size), source);
            }
            case 0xBA -> {
                if (d.group() < 4) yield null;
                Operand bit = Operand.immediate(d.immediate, 1);
                if (d.group() == 4) yield new Shifts.BitRead(e.source(d, size), bit, size);
                yield new Shifts.BitTest(d.group() - 4, e.target(d, size), bit, size).locked(d.lock);
            }
            case 0xBC, 0xBD -> {
                Operand source = e.source(d, size);
                if (d.repeat) yield new Bits.ZeroCount(opcode == 0xBC, e.register(d, size), source, size);
                yield new Shifts.Scan(opcode == 0xBC, e.register(d, size), source);
            }
            case 0xC0, 0xC1 -> {
                Operand target = e.target(d, size(d));
                yield new Arithmetic.ExchangeAdd(target, e.register(d, size(d)), size(d)).locked(d.lock);
            }
            case 0xC3 -> { // MOVNTI
                if (d.isRegister() || d.mandatoryPrefix() != 0) yield null;
                int wide = d.rexW ? 8 : 4;
                Operand target = e.target(d, wide);
                yield new Moves.General(target, e.register(d, wide));
            }
            case 0xC7 -> {
                if (d.isRegister() || d.group() != 1) yield null;
                Address address = e.address(d, size == 8 ? 16 : 8, true);
                yield new Arithmetic.CompareExchangePair(new Operand.Memory(address, 8), size == 8, d.lock);
            }
            case 0xC8, 0xC9, 0xCA, 0xCB, 0xCC, 0xCD, 0xCE, 0xCF -> new Moves.SwapBytes(d.rm, size);
            default -> {
                if (opcode >= 0x40 && opcode <= 0x4F) yield conditionalMove(d, e);
                if (opcode >= 0x90 && opcode <= 0x9F) yield setCondition(d, e);
                if (opcode < 0x80 || opcode > 0x8F) yield null;
                yield conditionalJump(d, e);
            }
        };
    }

    /** MOVBE, CRC32, ADCX and ADOX. */
    private static @Nullable Instruction after0f38(Decoded d, Emission e) {
        int size = d.operandSize;
        return switch (d.opcode & 0xFF) {
            case 0xF0, 0xF1 -> {
                if (d.repeatNotEqual) yield checksum(d, e);
                if (d.isRegister() || d.repeat) yield null;
                boolean stores = (d.opcode & 1) != 0;
                Operand memory = stores ? e.target(d, size) : e.source(d, size);
                Operand register = e.register(d, size);
                yield stores ? new Moves.Swapped(memory, register, size) : new Moves.Swapped(register, memory, size);
            }
            case 0xF6 -> {
                if (d.repeatNotEqual || !(d.repeat || d.operandPrefix)) yield null;
                int wide = d.rexW ? 8 : 4;
                boolean byOverflow = d.repeat;
                Operand source = e.source(d, wide);
                Operand target = e.register(d, wide);
                yield new Plain((cpu, at) -> Bits.addWithCarry(cpu, byOverflow, target, source, wide, at));
            }
            default -> null;
        };
    }

    private static Instruction checksum(Decoded d, Emission e) {
        int size = size(d);
        Operand source = e.source(d, size);
        Operand target = Operand.register(d.reg, 4);
        return new Plain((cpu, at) -> {
            long value = source.read(cpu, at);
            target.write(cpu, Crc32.crc32((int) target.read(cpu, at), value, size), at);
        });
    }

    // Arithmetic

    /** The first rows of the opcode map: operation in bits 3 to 5, form in bits 0 to 2. */
    private static Instruction arithmetic(Decoded d, Emission e) {
        int operation = d.opcode >> 3;
        int size = size(d);
        return switch (d.opcode & 7) {
            case 0, 1 -> {
                Instruction fast = fastFromRegister(operation, d, e, size);
                if (fast != null) yield fast;
                Operand target = operation == Arithmetic.CMP ? e.source(d, size) : e.target(d, size);
                yield general(operation, target, e.register(d, size), size, d.lock);
            }
            case 2, 3 -> {
                Instruction fast = fastToRegister(operation, d, e, size);
                if (fast != null) yield fast;
                Operand source = e.source(d, size);
                yield general(operation, e.register(d, size), source, size, false);
            }
            default -> {
                if (operation == Arithmetic.CMP) yield Comparison.compareImmediate(Cpu.RAX, (int) d.immediate, size);
                if (size >= 4) yield fastImmediate(operation, Cpu.RAX, d, e, size);
                Operand immediate = Operand.immediate(d.immediate, size);
                yield general(operation, Operand.register(Cpu.RAX, size), immediate, size, false);
            }
        };
    }

    private static Instruction arithmeticImmediate(Decoded d, Emission e) {
        int operation = d.group();
        int size = size(d);
        if (operation == Arithmetic.CMP && hasLowSource(d, size)) {
            return Comparison.compareImmediate(sourceRegister(d, e, size), (int) d.immediate, size);
        }
        if (size >= 4 && !d.lock && operation != Arithmetic.CMP) {
            if (d.isRegister()) return fastImmediate(operation, d.rm, d, e, size);
            Address address = loadForWrite(d, e, size);
            e.addPart(fastImmediate(operation, Cpu.OPERAND, d, e, size));
            return Moves.store(address, Cpu.OPERAND, size);
        }
        Operand target = operation == Arithmetic.CMP ? e.source(d, size) : e.target(d, size);
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
    private static int sourceRegister(Decoded d, Emission e, int size) {
        if (d.isRegister()) return d.rm;
        e.addPart(Moves.load(Cpu.OPERAND, e.address(d, size, false), size));
        return Cpu.OPERAND;
    }

    /** Loads a memory operand that is stored after. */
    private static Address loadForWrite(Decoded d, Emission e, int size) {
        Address address = e.address(d, size, true);
        e.addPart(Moves.loadForWrite(Cpu.OPERAND, address, size));
        return address;
    }

    private static @Nullable Instruction fastFromRegister(int operation, Decoded d, Emission e, int size) {
        if (operation == Arithmetic.CMP) {
            if (!hasLowSource(d, size) || !isLow(d, d.reg, size)) return null;
            return Comparison.compare(sourceRegister(d, e, size), d.reg, size);
        }
        if (d.lock || size < 4) return null;
        if (d.isRegister()) return RegisterArithmetic.registers(operation, d.rm, d.reg, size);
        Address address = loadForWrite(d, e, size);
        e.addPart(RegisterArithmetic.registers(operation, Cpu.OPERAND, d.reg, size));
        return Moves.store(address, Cpu.OPERAND, size);
    }

    private static @Nullable Instruction fastToRegister(int operation, Decoded d, Emission e, int size) {
        if (operation == Arithmetic.CMP) {
            if (!hasLowSource(d, size) || !isLow(d, d.reg, size)) return null;
            return Comparison.compare(d.reg, sourceRegister(d, e, size), size);
        }
        if (size < 4) return null;
        return RegisterArithmetic.registers(operation, d.reg, sourceRegister(d, e, size), size);
    }

    private static Instruction fastImmediate(int operation, int target, Decoded d, Emission e, int size) {
        Instruction fast = RegisterArithmetic.immediate(operation, target, (int) d.immediate, size);
        if (fast != null) return fast;
        e.addPart(new Moves.Immediate(Cpu.IMMEDIATE, d.immediate));
        return RegisterArithmetic.registers(operation, target, Cpu.IMMEDIATE, size);
    }

    private static Instruction test(Decoded d, Emission e) {
        int size = size(d);
        if (hasLowSource(d, size) && isLow(d, d.reg, size)) {
            return Comparison.test(sourceRegister(d, e, size), d.reg, size);
        }
        Operand left = e.source(d, size);
        return new Arithmetic.Test(left, e.register(d, size), size);
    }

    private static Instruction testImmediate(Decoded d, Emission e) {
        int size = size(d);
        if (hasLowSource(d, size)) {
            return Comparison.testImmediate(sourceRegister(d, e, size), (int) d.immediate, size);
        }
        return new Arithmetic.Test(e.source(d, size), Operand.immediate(d.immediate, size), size);
    }

    /** INC and DEC of one byte, outside of 64-bit mode. */
    private static Instruction step(int step, Decoded d) {
        if (d.operandSize == 4) return new RegisterArithmetic.Step(step, d.rm, 4);
        return new Arithmetic.Step(step, Operand.register(d.rm, d.operandSize), d.operandSize);
    }

    private static @Nullable Instruction group3(Decoded d, Emission e) {
        int size = size(d);
        return switch (d.group()) {
            case 0, 1 -> testImmediate(d, e);
            case 2 -> new Arithmetic.Not(e.target(d, size), size).locked(d.lock);
            case 3 -> new Arithmetic.Negate(e.target(d, size), size).locked(d.lock);
            default -> new Arithmetic.Wide(d.group(), e.source(d, size), size);
        };
    }

    private static Instruction step(Decoded d, Emission e, int size) {
        int step = d.group() == 0 ? 1 : -1;
        if (size < 4 || d.lock) return new Arithmetic.Step(step, e.target(d, size), size).locked(d.lock);
        if (d.isRegister()) return new RegisterArithmetic.Step(step, d.rm, size);
        Address address = loadForWrite(d, e, size);
        e.addPart(new RegisterArithmetic.Step(step, Cpu.OPERAND, size));
        return Moves.store(address, Cpu.OPERAND, size);
    }

    private static @Nullable Instruction group5(Decoded d, Emission e) {
        int size = size(d);
        if (d.group() < 2) return step(d, e, size);
        if (d.opcode == 0xFE) return null;
        return switch (d.group()) {
            case 2 -> e.ending(new Branches.CallTo(e.source(d, size), size));
            case 4 -> e.ending(new Branches.JumpTo(e.source(d, size), size));
            case 6 -> new Stack.Push(e.source(d, size), size);
            default -> null; // far ones: SystemSelector
        };
    }

    // Moves

    private static Instruction move(Decoded d, Emission e) {
        int size = size(d);
        boolean load = d.opcode >= 0x8A;
        if (d.isRegister()) {
            int to = load ? d.reg : d.rm;
            int from = load ? d.rm : d.reg;
            if (size == 8) return new Moves.Register64(to, from);
            if (size == 4) return new Moves.ZeroExtend(to, from, 4);
            return new Moves.General(e.byNumber(d, to, size), e.byNumber(d, from, size));
        }
        if (load && size < 4) {
            Operand memory = e.source(d, size);
            return new Moves.General(e.register(d, size), memory);
        }
        if (!isLow(d, d.reg, size)) {
            Operand memory = e.target(d, size);
            return new Moves.General(memory, e.register(d, size));
        }
        Address address = e.address(d, size, !load);
        return load ? Moves.load(d.reg, address, size) : Moves.store(address, d.reg, size);
    }

    private static Instruction moveImmediate(Decoded d, Emission e, int size) {
        if (size == 8) return new Moves.Immediate(d.rm, d.immediate);
        if (size == 4) return new Moves.Immediate(d.rm, d.immediate & 0xFFFF_FFFFL);
        return new Moves.General(e.byNumber(d, d.rm, size), Operand.immediate(d.immediate, size));
    }

    private static Instruction zeroExtend(Decoded d, Emission e, int from) {
        if (d.operandSize >= 4) {
            if (!d.isRegister()) return Moves.load(d.reg, e.address(d, from, false), from);
            if (isLow(d, d.rm, from)) return new Moves.ZeroExtend(d.reg, d.rm, from);
        }
        Operand source = e.source(d, from);
        return new Moves.General(e.register(d, d.operandSize), source);
    }

    private static Instruction moveSignExtended32(Decoded d, Emission e) {
        if (d.mode == CodeMode.BITS_64) {
            int from = Math.min(4, d.operandSize);
            if (from == 4) return new Moves.SignExtend(d.reg, d.operandSize, sourceRegister(d, e, 4), 4);
            Operand source = e.source(d, from);
            return new Moves.General(e.register(d, d.operandSize), source);
        }
        Operand target = e.source(d, 2); // written only if it must be
        Operand source = e.register(d, 2);
        int segment = d.isRegister() ? Decoded.NONE : d.segment;
        return new Plain((cpu, at) -> SystemInstructions.adjustPrivilege(cpu, target, segment, source, at));
    }

    private static Instruction conditionalMove(Decoded d, Emission e) {
        int condition = d.opcode & 0xF;
        int size = d.operandSize;
        if (size >= 4 && Flags.hasAnswers(condition)) {
            return new Moves.ConditionalRegister(condition, d.reg, sourceRegister(d, e, size), size);
        }
        Operand source = e.source(d, size);
        return new Moves.Conditional(condition, e.register(d, size), source);
    }

    private static Instruction setCondition(Decoded d, Emission e) {
        int condition = d.opcode & 0xF;
        if (d.isRegister() && isLow(d, d.rm, 1) && Flags.hasAnswers(condition)) {
            return new Moves.SetRegister(condition, d.rm);
        }
        return new Moves.SetCondition(condition, e.target(d, 1));
    }

    private static @Nullable Instruction loadAddress(Decoded d, Emission e) {
        if (d.isRegister()) return null;
        Address offset = e.offset(d);
        if (d.operandSize == 2) return new Moves.LoadAddress16(e.register(d, 2), offset, Emission.mask(d));
        long operandMask = d.operandSize == 8 ? -1L : 0xFFFF_FFFFL;
        return new Moves.LoadAddress(d.reg, offset, Emission.mask(d) & operandMask);
    }

    /** PAUSE: another thread of the host may be who is waited for. */
    private static Instruction pause() {
        return new Plain((cpu, at) -> Thread.onSpinWait());
    }

    private static Instruction exchange(Decoded d, Emission e) {
        int size = size(d);
        Operand target = e.target(d, size);
        return new Arithmetic.Exchange(target, e.register(d, size), size).locked(!d.isRegister());
    }

    private static Instruction exchangeAccumulator(Decoded d) {
        int size = d.operandSize;
        return new Arithmetic.Exchange(Operand.register(d.rm, size), Operand.register(Cpu.RAX, size), size);
    }

    private static @Nullable Instruction popOperand(Decoded d, Emission e) {
        if (d.group() != 0) return null;
        int size = d.operandSize;
        if (d.isRegister()) return new Stack.Pop(e.target(d, size), size);
        if (d.base == Cpu.RSP) d.displacement += size;
        return new Stack.PopMemory(e.target(d, size), size);
    }

    private static Instruction translateByte(Decoded d, Emission e) {
        d.mod = 0;
        d.base = Cpu.RBX;
        Address table = e.offset(d);
        long mask = Emission.mask(d);
        int segment = d.segment;
        return new Plain((cpu, at) -> {
            long offset = table.linear(cpu) + (cpu.r[Cpu.RAX] & 0xFF) & mask;
            long linear = cpu.segmentedOrFlat(segment, offset, 1, false, at);
            Operand.register(Cpu.RAX, 1).write(cpu, cpu.mmu.load8(linear, at), at);
        });
    }

    // Shifts and bits

    private static Instruction shift(Decoded d, Emission e, Operand count, int constant) {
        int size = size(d);
        int operation = d.group();
        int n = constant & (size == 8 ? 0x3F : 0x1F);
        if (d.isRegister() && n != 0 && size >= 4) {
            Instruction fast = Shifts.constant(operation, d.rm, n, size);
            if (fast != null) return fast;
        }
        return new Shifts.General(operation, e.target(d, size), count, size);
    }

    private static Instruction bitTest(Decoded d, Emission e) {
        int size = d.operandSize;
        int operation = (d.opcode & 0xFF) >> 3 & 3;
        Operand bit = e.register(d, size);
        Operand target;
        if (d.isRegister()) {
            target = e.target(d, size);
        } else {
            boolean writes = operation != Shifts.BitTest.TEST;
            Instruction moved = new Shifts.BitAddress(e.offset(d), d.segment, Emission.mask(d), bit, size, writes);
            e.addPart(moved);
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

    private static Instruction flags(Decoded d, Emission e) {
        int size = d.operandSize;
        if (d.opcode == 0x9C) return new Plain((cpu, at) -> SystemInstructions.pushFlags(cpu, size, at));
        return e.ending(new Ending((cpu, at) -> SystemInstructions.popFlags(cpu, size, at)));
    }

    private static @Nullable Instruction bound(Decoded d, Emission e) {
        if (d.isRegister()) return null;
        int size = d.operandSize;
        Address address = e.address(d, 2 * size, false);
        Operand index = e.register(d, size);
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

    private static Instruction conditionalJump(Decoded d, Emission e) {
        CodePage page = e.page();
        int condition = d.opcode & 0xF;
        Comparison comparison = e.comparison();
        boolean faults =
                d.mode != CodeMode.BITS_64 && !Branches.Direct.inside(target(d)); // which would be the comparison's
        if (comparison != null && Flags.hasAnswers(condition) && !faults) {
            e.absorbLast();
            return e.ending(comparison.with(condition, page, d.end, target(d), branchSize(d)));
        }
        return e.ending(Branches.conditional(d.opcode & 0xF, page, d.end, target(d), branchSize(d)));
    }

    private static Instruction call(Decoded d, Emission e) {
        if (d.mode == CodeMode.BITS_64) return e.ending(new Branches.Call64(e.page(), d.end, target(d)));
        return e.ending(new Branches.Call(e.page(), d.end, target(d), branchSize(d)));
    }

    private static Instruction ret(Decoded d, Emission e, int extra) {
        if (d.mode == CodeMode.BITS_64) return e.ending(new Branches.Return64(extra));
        return e.ending(new Branches.Return(d.operandSize, extra));
    }
}
