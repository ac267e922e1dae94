package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.integer.BitTests;
import dev.microvm.engine.exec.integer.Bits;
import dev.microvm.engine.exec.integer.RegisterShifts;
import dev.microvm.engine.exec.integer.Shifts;
import dev.microvm.engine.simd.Crc32;
import org.jspecify.annotations.Nullable;

/** Shifts, rotations, and instructions on single bits: Intel SDM vol. 1, 7.3.6 and 7.3.7. */
final class BitSelector implements Selector {
    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        return switch (d.opcode) {
            case 0xC0, 0xC1 -> shift(d, block, Operand.immediate(d.immediate, 1), (int) d.immediate & 0xFF); // group 2
            case 0xD0, 0xD1 -> shift(d, block, Operand.immediate(1, 1), 1);
            case 0xD2, 0xD3 -> shift(d, block, Operand.register(Cpu.RCX, 1), 0);
            case 0x1A3, 0x1AB, 0x1B3, 0x1BB -> bitTest(d, block); // BT, BTS, BTR, BTC
            case 0x1BA -> bitTestImmediate(d, block, size); // the same
            case 0x1A4, 0x1AC -> doubleShift(d, block, Operand.immediate(d.immediate, 1)); // SHLD, SHRD
            case 0x1A5, 0x1AD -> doubleShift(d, block, Operand.register(Cpu.RCX, 1)); // SHLD, SHRD
            case 0x1B8 -> { // POPCNT
                if (!d.repeat) yield null;
                Operand source = block.source(d, size);
                yield new Bits.Population(block.register(d, size), source);
            }
            case 0x1BC, 0x1BD -> scan(d, block, d.opcode == 0x1BC); // BSF, BSR; TZCNT, LZCNT
            case 0x2F0, 0x2F1 -> d.repeatNotEqual ? checksum(d, block) : null; // CRC32
            default -> null;
        };
    }

    private static Instruction shift(Decoded d, BlockBuilder block, Operand count, int constant) {
        int size = d.sizeByOpcode();
        int operation = d.group();
        int n = constant & (size == 8 ? 0x3F : 0x1F);
        if (d.isRegister() && n != 0 && size >= 4) {
            Instruction fast = RegisterShifts.constant(operation, d.rm, n, size);
            if (fast != null) return fast;
        }
        return new Shifts.General(operation, block.target(d, size), count, size);
    }

    private static Instruction doubleShift(Decoded d, BlockBuilder block, Operand count) {
        int size = d.operandSize;
        boolean left = d.opcode < 0x1A8;
        Operand target = block.target(d, size);
        return new Shifts.DoubleShift(left, target, block.register(d, size), count, size);
    }

    private static Instruction bitTest(Decoded d, BlockBuilder block) {
        int size = d.operandSize;
        int operation = (d.opcode & 0xFF) >> 3 & 3;
        Operand bit = block.register(d, size);
        Operand target;
        if (d.isRegister()) {
            target = block.target(d, size);
        } else {
            boolean writes = operation != BitTests.BitTest.TEST;
            Instruction moved = new BitTests.BitAddress(
                    block.offset(d), d.segment, BlockBuilder.mask(d), bit, size, writes, d.mode == CodeMode.BITS_64);
            block.addPart(moved);
            target = new Operand.Memory(Address.COMPUTED, size);
        }
        if (operation == BitTests.BitTest.TEST) return new BitTests.BitRead(target, bit, size);
        return new BitTests.BitTest(operation, target, bit, size).locked(d.lock);
    }

    private static @Nullable Instruction bitTestImmediate(Decoded d, BlockBuilder block, int size) {
        int operation = d.group() - 4;
        if (operation < 0) return null;
        Operand bit = Operand.immediate(d.immediate, 1);
        if (operation == BitTests.BitTest.TEST) return new BitTests.BitRead(block.source(d, size), bit, size);
        return new BitTests.BitTest(operation, block.target(d, size), bit, size).locked(d.lock);
    }

    private static Instruction scan(Decoded d, BlockBuilder block, boolean forward) {
        int size = d.operandSize;
        Operand source = block.source(d, size);
        if (d.repeat) return new Bits.ZeroCount(forward, block.register(d, size), source, size);
        return new BitTests.Scan(forward, block.register(d, size), source);
    }

    private static Instruction checksum(Decoded d, BlockBuilder block) {
        int size = d.sizeByOpcode();
        Operand source = block.source(d, size);
        Operand target = Operand.register(d.reg, 4);
        return new Plain((cpu, at) -> {
            long value = source.read(cpu, at);
            target.write(cpu, Crc32.crc32((int) target.read(cpu, at), value, size), at);
        });
    }
}
