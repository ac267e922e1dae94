package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F2;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Sequential;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Faulting;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.integer.Bits;
import org.jspecify.annotations.Nullable;

/**
 * Instructions with a VEX prefix: those on general registers, BMI1 and BMI2 (Intel SDM vol. 2A,
 * 2.5.1), and those of {@link AvxSelector}.
 */
final class VexSelector implements Selector {
    private final AvxSelector avx = new AvxSelector();

    @Override
    public @Nullable Instruction select(Decoded d, BlockBuilder block) {
        if (!d.vex) return null;
        Instruction instruction = isGeneral(d) ? general(d, block) : avx.select(d, block);
        return instruction != null ? instruction : block.ending(Faulting.undefined());
    }

    private static @Nullable Instruction general(Decoded d, BlockBuilder block) {
        if (d.vexL || !isKnown(d)) return null;
        if (d.mode != CodeMode.BITS_64) block.addPart(new ProtectedOnly());
        return bits(d, block);
    }

    /** Whether an opcode is one of those on general registers. */
    static boolean isGeneral(Decoded d) {
        return (d.opcode >= 0x2F2 && d.opcode <= 0x2F7) || d.opcode == 0x3F0;
    }

    /** Real and virtual-8086 mode have no VEX: Intel SDM vol. 2A, table 2-28. */
    private static final class ProtectedOnly extends Sequential {
        @Override
        public void perform(Cpu cpu) {
            if (cpu.realSegments()) throw cpu.fault(Vectors.UD, this);
        }

        @Override
        public Block execute(Cpu cpu) {
            perform(cpu);
            return next.execute(cpu);
        }
    }

    private static boolean isKnown(Decoded d) {
        int prefix = d.mandatoryPrefix();
        return switch (d.opcode) {
            case 0x2F2 -> prefix == NO_PREFIX; // ANDN
            case 0x2F3 -> prefix == NO_PREFIX && d.group() >= 1 && d.group() <= 3; // BLSR, BLSMSK, BLSI
            case 0x2F5 -> prefix != PREFIX_66; // BZHI, PEXT, PDEP
            case 0x2F6 -> prefix == PREFIX_F2; // MULX
            case 0x2F7 -> true; // BEXTR, SHLX, SARX, SHRX
            case 0x3F0 -> prefix == PREFIX_F2 && d.vexRegister == 0; // RORX
            default -> false;
        };
    }

    private static @Nullable Instruction bits(Decoded d, BlockBuilder block) {
        if (!isKnown(d)) return null;
        int size = d.mode == CodeMode.BITS_64 && d.rexW ? 8 : 4;
        Operand source = block.source(d, size);
        Operand target = Operand.register(d.reg, size);
        Operand other = Operand.register(d.vexRegister & (d.mode == CodeMode.BITS_64 ? 15 : 7), size);
        int prefix = d.mandatoryPrefix();
        return switch (d.opcode) {
            case 0x2F2 -> new Bits.AndNot(target, other, source, size);
            case 0x2F3 -> new Bits.LowestBit(d.group(), other, source, size);
            case 0x2F5 ->
                switch (prefix) {
                    case NO_PREFIX ->
                        new Plain((cpu, at) -> Bits.zeroHigh(cpu, target, source, other.read(cpu, at), size, at));
                    case PREFIX_F3 ->
                        new Bits.Flagless(target, source, other, (mask, value) -> Long.compress(value, mask));
                    default -> new Bits.Flagless(target, source, other, (mask, value) -> Long.expand(value, mask));
                };
            case 0x2F6 -> new Bits.Multiply(target, other, source, size);
            case 0x2F7 -> shift(prefix, target, source, other, size);
            default -> new Bits.Rotate(target, source, (int) d.immediate, size); // RORX
        };
    }

    /** BEXTR, SHLX, SARX, SHRX. */
    private static Instruction shift(int prefix, Operand target, Operand source, Operand count, int size) {
        return switch (prefix) {
            case NO_PREFIX -> new Plain((cpu, at) -> Bits.extract(cpu, target, source, count.read(cpu, at), at));
            case PREFIX_66 -> new Bits.Shift(Bits.Direction.LEFT, target, source, count, size);
            case PREFIX_F3 -> new Bits.Shift(Bits.Direction.RIGHT_SIGNED, target, source, count, size);
            default -> new Bits.Shift(Bits.Direction.RIGHT, target, source, count, size);
        };
    }
}
