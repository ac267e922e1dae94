package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.integer.Arithmetic;
import dev.microvm.engine.exec.integer.Bits;
import dev.microvm.engine.exec.integer.CompareExchangePair;
import dev.microvm.engine.exec.integer.Comparison;
import dev.microvm.engine.exec.integer.Decimal;
import dev.microvm.engine.exec.integer.MemoryMoves;
import dev.microvm.engine.exec.integer.RegisterArithmetic;
import dev.microvm.engine.exec.integer.RegisterMoves;
import dev.microvm.engine.exec.integer.WideArithmetic;
import org.jspecify.annotations.Nullable;

/**
 * Addition to comparison, multiplication and division: Intel SDM vol. 1, 7.3.2. Opcodes as in vol.
 * 2D, appendix A.
 */
final class ArithmeticSelector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        return switch (d.opcode >> 8) {
            case 0 -> oneByte(d, block);
            case 1 -> after0f(d, block);
            case 2 -> after0f38(d, block);
            default -> null;
        };
    }

    private static @Nullable Instruction oneByte(Decoded d, BlockBuilder block) {
        int opcode = d.opcode;
        if (opcode < 0x40) {
            if ((opcode & 7) < 6) return arithmetic(d, block); // ADD, OR, ADC, SBB, AND, SUB, XOR, CMP
            boolean decimal = (opcode & 7) == 7 && opcode >= 0x20; // DAA, DAS, AAA, AAS
            return decimal ? new Decimal(opcode, 0) : null;
        }
        if (opcode < 0x50) return step(opcode < 0x48 ? 1 : -1, d); // INC, DEC
        return switch (opcode) {
            case 0x69, 0x6B -> multiplyImmediate(d, block); // IMUL
            case 0x80, 0x81, 0x82, 0x83 -> arithmeticImmediate(d, block); // group 1: ADD to CMP
            case 0x84, 0x85 -> test(d, block); // TEST
            case 0xA8, 0xA9 -> Comparison.testImmediate(Cpu.RAX, (int) d.immediate, d.sizeByOpcode()); // TEST
            case 0xD4, 0xD5 -> new Decimal(opcode, (int) d.immediate & 0xFF); // AAM, AAD
            case 0xF6, 0xF7 -> group3(d, block);
            case 0xFE, 0xFF -> d.group() < 2 ? step(d, block, d.sizeByOpcode()) : null; // INC, DEC
            default -> null;
        };
    }

    private static @Nullable Instruction after0f(Decoded d, BlockBuilder block) {
        int size = d.opcode == 0x1AF || d.opcode == 0x1C7 ? d.operandSize : d.sizeByOpcode();
        return switch (d.opcode) {
            case 0x1AF -> multiply(d, block, size); // IMUL
            case 0x1B0, 0x1B1 -> { // CMPXCHG
                Operand target = block.target(d, size);
                yield new Arithmetic.CompareExchange(target, block.register(d, size), size).locked(d.lock);
            }
            case 0x1C0, 0x1C1 -> { // XADD
                Operand target = block.target(d, size);
                yield new Arithmetic.ExchangeAdd(target, block.register(d, size), size).locked(d.lock);
            }
            case 0x1C7 -> { // CMPXCHG8B, CMPXCHG16B
                if (d.isRegister() || d.group() != 1) yield null;
                Address address = block.address(d, size == 8 ? 16 : 8, true);
                yield new CompareExchangePair(new Operand.Memory(address, 8), size == 8, d.lock);
            }
            default -> null;
        };
    }

    private static @Nullable Instruction after0f38(Decoded d, BlockBuilder block) {
        if (d.opcode != 0x2F6 || d.repeatNotEqual || !(d.repeat || d.operandPrefix)) return null;
        int size = d.rexW ? 8 : 4; // ADCX, ADOX
        boolean byOverflow = d.repeat;
        Operand source = block.source(d, size);
        Operand target = block.register(d, size);
        return new Bits.AddWithCarry(byOverflow, target, source, size);
    }

    // ADD to CMP

    /** The first rows of the opcode map: operation in bits 3 to 5, form in bits 0 to 2. */
    private static Instruction arithmetic(Decoded d, BlockBuilder block) {
        int operation = d.opcode >> 3;
        int size = d.sizeByOpcode();
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
        int size = d.sizeByOpcode();
        if (operation == Arithmetic.CMP && RegisterOperands.hasLowSource(d, size)) {
            return Comparison.compareImmediate(
                    RegisterOperands.sourceRegister(d, block, size), (int) d.immediate, size);
        }
        if (size >= 4 && !d.lock && operation != Arithmetic.CMP) {
            if (d.isRegister()) return fastImmediate(operation, d.rm, d, block, size);
            Address address = RegisterOperands.loadForWrite(d, block, size);
            block.addPart(fastImmediate(operation, Cpu.OPERAND, d, block, size));
            return MemoryMoves.store(address, Cpu.OPERAND, size);
        }
        Operand target = operation == Arithmetic.CMP ? block.source(d, size) : block.target(d, size);
        return general(operation, target, Operand.immediate(d.immediate, size), size, d.lock);
    }

    private static Instruction general(int operation, Operand target, Operand source, int size, boolean lock) {
        if (operation == Arithmetic.CMP) return new Arithmetic.Compare(target, source, size);
        return new Arithmetic.Binary(operation, target, source, size).locked(lock);
    }

    private static @Nullable Instruction fastFromRegister(int operation, Decoded d, BlockBuilder block, int size) {
        if (operation == Arithmetic.CMP) {
            if (!RegisterOperands.hasLowSource(d, size) || !RegisterOperands.isLow(d, d.reg, size)) return null;
            return Comparison.compare(RegisterOperands.sourceRegister(d, block, size), d.reg, size);
        }
        if (d.lock || size < 4) return null;
        if (d.isRegister()) return RegisterArithmetic.registers(operation, d.rm, d.reg, size);
        Address address = RegisterOperands.loadForWrite(d, block, size);
        block.addPart(RegisterArithmetic.registers(operation, Cpu.OPERAND, d.reg, size));
        return MemoryMoves.store(address, Cpu.OPERAND, size);
    }

    private static @Nullable Instruction fastToRegister(int operation, Decoded d, BlockBuilder block, int size) {
        if (operation == Arithmetic.CMP) {
            if (!RegisterOperands.hasLowSource(d, size) || !RegisterOperands.isLow(d, d.reg, size)) return null;
            return Comparison.compare(d.reg, RegisterOperands.sourceRegister(d, block, size), size);
        }
        if (size < 4) return null;
        return RegisterArithmetic.registers(operation, d.reg, RegisterOperands.sourceRegister(d, block, size), size);
    }

    private static Instruction fastImmediate(int operation, int target, Decoded d, BlockBuilder block, int size) {
        Instruction fast = RegisterArithmetic.immediate(operation, target, (int) d.immediate, size);
        if (fast != null) return fast;
        block.addPart(new RegisterMoves.Immediate(Cpu.IMMEDIATE, d.immediate));
        return RegisterArithmetic.registers(operation, target, Cpu.IMMEDIATE, size);
    }

    // The others

    private static Instruction test(Decoded d, BlockBuilder block) {
        int size = d.sizeByOpcode();
        if (RegisterOperands.hasLowSource(d, size) && RegisterOperands.isLow(d, d.reg, size)) {
            return Comparison.test(RegisterOperands.sourceRegister(d, block, size), d.reg, size);
        }
        Operand left = block.source(d, size);
        return new Arithmetic.Test(left, block.register(d, size), size);
    }

    private static Instruction testImmediate(Decoded d, BlockBuilder block) {
        int size = d.sizeByOpcode();
        if (RegisterOperands.hasLowSource(d, size)) {
            return Comparison.testImmediate(RegisterOperands.sourceRegister(d, block, size), (int) d.immediate, size);
        }
        return new Arithmetic.Test(block.source(d, size), Operand.immediate(d.immediate, size), size);
    }

    /** INC and DEC of one byte, outside of 64-bit mode. */
    private static Instruction step(int step, Decoded d) {
        if (d.operandSize == 4) return new RegisterArithmetic.Step(step, d.rm, 4);
        return new Arithmetic.Step(step, Operand.register(d.rm, d.operandSize), d.operandSize);
    }

    private static Instruction step(Decoded d, BlockBuilder block, int size) {
        int step = d.group() == 0 ? 1 : -1;
        if (size < 4 || d.lock) return new Arithmetic.Step(step, block.target(d, size), size).locked(d.lock);
        if (d.isRegister()) return new RegisterArithmetic.Step(step, d.rm, size);
        Address address = RegisterOperands.loadForWrite(d, block, size);
        block.addPart(new RegisterArithmetic.Step(step, Cpu.OPERAND, size));
        return MemoryMoves.store(address, Cpu.OPERAND, size);
    }

    private static @Nullable Instruction group3(Decoded d, BlockBuilder block) {
        int size = d.sizeByOpcode();
        return switch (d.group()) {
            case 0, 1 -> testImmediate(d, block); // TEST
            case 2 -> new Arithmetic.Not(block.target(d, size), size).locked(d.lock); // NOT
            case 3 -> new Arithmetic.Negate(block.target(d, size), size).locked(d.lock); // NEG
            default -> new WideArithmetic(d.group(), block.source(d, size), size); // MUL, IMUL, DIV, IDIV
        };
    }

    private static Instruction multiply(Decoded d, BlockBuilder block, int size) {
        if (size >= 4) {
            return new RegisterArithmetic.Multiply(d.reg, d.reg, RegisterOperands.sourceRegister(d, block, size), size);
        }
        Operand source = block.source(d, size);
        Operand target = block.register(d, size);
        return new Arithmetic.Multiply(target, target, source, size);
    }

    private static Instruction multiplyImmediate(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        if (size >= 4) {
            int left = RegisterOperands.sourceRegister(d, block, size);
            block.addPart(new RegisterMoves.Immediate(Cpu.IMMEDIATE, d.immediate));
            return new RegisterArithmetic.Multiply(d.reg, left, Cpu.IMMEDIATE, size);
        }
        Operand source = block.source(d, size);
        return new Arithmetic.Multiply(block.register(d, size), source, Operand.immediate(d.immediate, size), size);
    }
}
