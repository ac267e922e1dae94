package dev.microvm.engine.translate;

import static dev.microvm.engine.decode.Decoded.NO_PREFIX;
import static dev.microvm.engine.decode.Decoded.PREFIX_66;
import static dev.microvm.engine.decode.Decoded.PREFIX_F2;
import static dev.microvm.engine.decode.Decoded.PREFIX_F3;

import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.simd.MaskedStore;
import dev.microvm.engine.exec.simd.MmxSource;
import dev.microvm.engine.exec.simd.SimdAction;
import dev.microvm.engine.exec.simd.XmmMoves;
import dev.microvm.engine.exec.simd.XmmSource;
import org.jspecify.annotations.Nullable;

/**
 * Moves of MMX and SSE: loads, stores, and moves between registers. Intel SDM vol. 2D, table A-3.
 */
final class SimdMoveSelector {
    private SimdMoveSelector() {}

    /** The instruction of an opcode after 0F, or null. */
    static @Nullable Instruction select(Decoded d, BlockBuilder block) {
        int prefix = d.mandatoryPrefix();
        boolean packed = prefix <= PREFIX_66;
        return switch (d.opcode & 0xFF) {
            case 0x10 -> packed ? load(d, block, false) : loadScalar(d, block, scalarSize(prefix)); // MOVUPS, MOVSS
            case 0x11 -> packed ? store(d, block, false) : storeScalar(d, block, scalarSize(prefix)); // the same
            case 0x12 -> packed ? moveHalf(d, block, prefix, 0) : null;
            case 0x16 -> packed ? moveHalf(d, block, prefix, 1) : null;
            case 0x13 -> packed ? storeHalf(d, block, 0) : null; // MOVLPS
            case 0x17 -> packed ? storeHalf(d, block, 1) : null; // MOVHPS
            case 0x28 -> packed ? load(d, block, true) : null; // MOVAPS
            case 0x29 -> packed ? store(d, block, true) : null; // MOVAPS
            case 0x2B -> packed ? storeToMemory(d, block) : null; // MOVNTPS
            case 0x6E -> fromGeneral(d, block, prefix); // MOVD, MOVQ
            case 0x7E -> prefix == PREFIX_F3 ? loadLow(d, block) : toGeneral(d, block, prefix); // MOVQ; MOVD, MOVQ
            case 0xD6 -> moveLow(d, block, prefix);
            case 0x6F -> { // MOVQ, MOVDQA, MOVDQU
                if (prefix == NO_PREFIX) yield loadMmx(d, block);
                if (prefix == PREFIX_F2) yield null;
                yield load(d, block, prefix == PREFIX_66);
            }
            case 0x7F -> { // MOVQ, MOVDQA, MOVDQU
                if (prefix == NO_PREFIX) yield storeMmx(d, block);
                if (prefix == PREFIX_F2) yield null;
                yield store(d, block, prefix == PREFIX_66);
            }
            case 0xE7 -> { // MOVNTQ, MOVNTDQ
                if (d.isRegister() || !packed) yield null;
                yield prefix == NO_PREFIX ? storeMmx(d, block) : storeToMemory(d, block);
            }
            case 0xF0 -> prefix == PREFIX_F2 && !d.isRegister() ? load(d, block, false) : null; // LDDQU
            case 0xF7 -> { // MASKMOVQ, MASKMOVDQU
                if (!packed || !d.isRegister()) yield null;
                yield prefix == PREFIX_66 ? maskedStore(d) : maskedStoreMmx(d);
            }
            default -> null;
        };
    }

    private static int scalarSize(int prefix) {
        return prefix == PREFIX_F3 ? 4 : 8;
    }

    // 16 bytes

    private static Instruction load(Decoded d, BlockBuilder block, boolean aligned) {
        return new XmmMoves.Load(d.reg * 2, block.xmmSource(d, 16, aligned));
    }

    private static Instruction store(Decoded d, BlockBuilder block, boolean aligned) {
        if (d.isRegister()) return new XmmMoves.Load(d.rm * 2, XmmSource.register(d.reg));
        return new XmmMoves.Store(d.reg * 2, block.address(d, 16, true), aligned);
    }

    /** A store that bypasses caches, of which there are none. */
    private static @Nullable Instruction storeToMemory(Decoded d, BlockBuilder block) {
        return d.isRegister() ? null : store(d, block, true);
    }

    // Scalars and halves

    private static Instruction loadScalar(Decoded d, BlockBuilder block, int size) {
        if (d.isRegister()) return new XmmMoves.CopyScalar(d.reg * 2, d.rm * 2, size);
        return new XmmMoves.LoadScalar(d.reg * 2, block.source(d, size));
    }

    private static Instruction storeScalar(Decoded d, BlockBuilder block, int size) {
        if (d.isRegister()) return new XmmMoves.CopyScalar(d.rm * 2, d.reg * 2, size);
        return new XmmMoves.StoreHalf(d.reg * 2, block.target(d, size));
    }

    /** MOVLPS and MOVLPD, MOVHLPS; MOVHPS and MOVHPD, MOVLHPS. */
    private static @Nullable Instruction moveHalf(Decoded d, BlockBuilder block, int prefix, int half) {
        int to = d.reg * 2 + half;
        if (!d.isRegister()) return new XmmMoves.LoadHalf(to, block.source(d, 8));
        if (prefix != NO_PREFIX) return null;
        int from = d.rm * 2 + 1 - half;
        return new XmmMoves.CopyHalf(to, from);
    }

    private static @Nullable Instruction storeHalf(Decoded d, BlockBuilder block, int half) {
        return d.isRegister() ? null : new XmmMoves.StoreHalf(d.reg * 2 + half, block.target(d, 8));
    }

    private static Instruction loadLow(Decoded d, BlockBuilder block) {
        return new XmmMoves.LoadLow(d.reg * 2, block.xmmSource(d, 8, false));
    }

    /** MOVQ, MOVDQ2Q, MOVQ2DQ. */
    private static @Nullable Instruction moveLow(Decoded d, BlockBuilder block, int prefix) {
        int reg = d.reg * 2;
        int rm = d.rm * 2;
        if (prefix == PREFIX_66) {
            if (!d.isRegister()) return new XmmMoves.StoreHalf(reg, block.target(d, 8));
            return new XmmMoves.LoadLow(rm, XmmSource.register(d.reg));
        }
        if (!d.isRegister() || prefix == NO_PREFIX) return null;
        int mm = (prefix == PREFIX_F2 ? d.reg : d.rm) & 7;
        if (prefix == PREFIX_F2) {
            return SimdAction.mmx((cpu, xmm, at) -> {
                cpu.fpu.enterMmx();
                cpu.fpu.mmx(mm, xmm[rm]);
            });
        }
        return SimdAction.mmx((cpu, xmm, at) -> {
            cpu.fpu.enterMmx();
            xmm[reg] = cpu.fpu.mmx(mm);
            xmm[reg + 1] = 0;
        });
    }

    // General registers

    private static @Nullable Instruction fromGeneral(Decoded d, BlockBuilder block, int prefix) {
        Operand source = block.source(d, d.rexW ? 8 : 4);
        if (prefix == PREFIX_66) return new XmmMoves.LoadScalar(d.reg * 2, source);
        if (prefix != NO_PREFIX) return null;
        int to = d.reg & 7;
        return SimdAction.mmx((cpu, xmm, at) -> {
            long value = source.read(cpu, at);
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(to, value);
        });
    }

    private static @Nullable Instruction toGeneral(Decoded d, BlockBuilder block, int prefix) {
        Operand target = block.target(d, d.rexW ? 8 : 4);
        if (prefix == PREFIX_66) return new XmmMoves.StoreHalf(d.reg * 2, target);
        if (prefix != NO_PREFIX) return null;
        int from = d.reg & 7;
        return SimdAction.mmx((cpu, xmm, at) -> {
            target.write(cpu, cpu.fpu.mmx(from), at);
            cpu.fpu.enterMmx();
        });
    }

    // MMX registers

    private static Instruction loadMmx(Decoded d, BlockBuilder block) {
        int to = d.reg & 7;
        MmxSource source = block.mmxSource(d, 8);
        return SimdAction.mmx((cpu, xmm, at) -> {
            long value = source.read(cpu, at);
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(to, value);
        });
    }

    private static Instruction storeMmx(Decoded d, BlockBuilder block) {
        int from = d.reg & 7;
        int to = d.rm & 7;
        Operand memory = d.isRegister() ? null : block.target(d, 8);
        return SimdAction.mmx((cpu, xmm, at) -> {
            if (memory != null) memory.write(cpu, cpu.fpu.mmx(from), at);
            cpu.fpu.enterMmx();
            if (memory == null) cpu.fpu.mmx(to, cpu.fpu.mmx(from));
        });
    }

    // By a mask

    private static Instruction maskedStore(Decoded d) {
        int from = d.reg * 2;
        int mask = d.rm * 2;
        MaskedStore store = new MaskedStore(d.segment, BlockBuilder.mask(d), 16);
        return SimdAction.sse((cpu, xmm, at) -> {
            long linear = store.linear(cpu, at);
            store.half(cpu, linear, xmm[from], xmm[mask], at);
            store.half(cpu, linear + 8, xmm[from + 1], xmm[mask + 1], at);
        });
    }

    private static Instruction maskedStoreMmx(Decoded d) {
        int from = d.reg & 7;
        int mask = d.rm & 7;
        MaskedStore store = new MaskedStore(d.segment, BlockBuilder.mask(d), 8);
        return SimdAction.mmx((cpu, xmm, at) -> {
            cpu.fpu.enterMmx(); // even if what follows faults
            store.half(cpu, store.linear(cpu, at), cpu.fpu.mmx(from), cpu.fpu.mmx(mask), at);
        });
    }
}
