package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.simd.CheckedSimd;
import dev.microvm.engine.exec.simd.ElementAddress;
import dev.microvm.engine.exec.simd.MaskedMove;
import dev.microvm.engine.exec.simd.SimdAction;
import dev.microvm.engine.exec.simd.XmmSource;
import dev.microvm.engine.simd.HalfFloat;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.engine.simd.PackedMultiply;
import org.jspecify.annotations.Nullable;

/**
 * Of what AVX, AVX2 and F16C added: loads and stores by a mask, and what has its target in the
 * ModR/M operand.
 */
final class AvxMemory {
    private static final int HIGH = Cpu.YMM_HIGH;

    private AvxMemory() {}

    /** The instruction, or null if it is no such. */
    static @Nullable CheckedSimd select(Decoded d, BlockBuilder block) {
        return switch (d.opcode) {
            case 0x213 -> widen(d, block); // VCVTPH2PS
            case 0x22C -> masked(d, block, false, 4); // VMASKMOVPS
            case 0x22D -> masked(d, block, false, 8); // VMASKMOVPD
            case 0x22E -> masked(d, block, true, 4);
            case 0x22F -> masked(d, block, true, 8);
            case 0x28C -> masked(d, block, false, d.rexW ? 8 : 4); // VPMASKMOVD, VPMASKMOVQ
            case 0x28E -> masked(d, block, true, d.rexW ? 8 : 4);
            case 0x319, 0x339 -> extractLane(d, block, (int) d.immediate & 1); // VEXTRACTF128
            case 0x31D -> narrow(d, block); // VCVTPS2PH
            default -> null;
        };
    }

    private static CheckedSimd masked(Decoded d, BlockBuilder block, boolean stores, int bytes) {
        int count = (d.vexL ? 32 : 16) / bytes;
        ElementAddress address = new ElementAddress(block.offset(d), d.segment, BlockBuilder.mask(d));
        return new MaskedMove(stores, d.reg * 2, AvxSelector.named(d), address, bytes, count);
    }

    // To the ModR/M operand

    /**
     * The ModR/M operand, of up to 16 bytes; the rest of a register becomes 0.
     *
     * @param address or null
     */
    private record Target(int register, @Nullable Address address, int size) {
        /** Makes sure that it can be written: it comes before exceptions of numbers. */
        void probe(Cpu cpu, SimdAction at) {
            if (address != null) cpu.mmu.probeWrite(address.linear(cpu), size, at);
        }

        void write(Cpu cpu, long low, long high, SimdAction at) {
            if (address == null) {
                cpu.xmm[register] = low;
                cpu.xmm[register + 1] = high;
                cpu.xmm[register + HIGH] = 0;
                cpu.xmm[register + HIGH + 1] = 0;
                return;
            }
            long linear = address.linear(cpu);
            cpu.mmu.store64(linear, low, at);
            if (size > Long.BYTES) cpu.mmu.store64(linear + Long.BYTES, high, at);
        }
    }

    private static Target target(Decoded d, BlockBuilder block, int size) {
        return new Target(d.rm * 2, d.isRegister() ? null : block.address(d, size, true), size);
    }

    private static CheckedSimd extractLane(Decoded d, BlockBuilder block, int lane) {
        int from = d.reg * 2 + lane * HIGH;
        Target target = target(d, block, 16);
        return SimdAction.avx((cpu, xmm, at) -> {
            target.probe(cpu, at);
            target.write(cpu, xmm[from], xmm[from + 1], at);
        });
    }

    // F16C

    private static CheckedSimd widen(Decoded d, BlockBuilder block) {
        int to = d.reg * 2;
        boolean wide = d.vexL;
        XmmSource source = block.xmmSource(d, wide ? 16 : 8, false);
        return SimdAction.avx((cpu, xmm, at) -> {
            Mxcsr m = cpu.mxcsr;
            long low = source.word(cpu, at, 0);
            long high = wide ? source.word(cpu, at, 1) : 0;
            long w0 = widened((int) low, m);
            long w1 = widened((int) (low >> 32), m);
            long w2 = widened((int) high, m);
            long w3 = widened((int) (high >> 32), m);
            at.commit(cpu);
            xmm[to] = w0;
            xmm[to + 1] = w1;
            xmm[to + HIGH] = w2;
            xmm[to + HIGH + 1] = w3;
        });
    }

    private static long widened(int halves, Mxcsr m) {
        return PackedMultiply.pair(HalfFloat.toFloat(halves, m), HalfFloat.toFloat(halves >> 16, m));
    }

    private static CheckedSimd narrow(Decoded d, BlockBuilder block) {
        int from = d.reg * 2;
        int immediate = (int) d.immediate & 0xFF;
        boolean wide = d.vexL;
        Target target = target(d, block, wide ? 16 : 8);
        return SimdAction.avx((cpu, xmm, at) -> {
            target.probe(cpu, at);
            Mxcsr m = cpu.mxcsr;
            long low = narrowed(xmm[from], xmm[from + 1], immediate, m);
            long high = wide ? narrowed(xmm[from + HIGH], xmm[from + HIGH + 1], immediate, m) : 0;
            at.commit(cpu);
            target.write(cpu, low, high, at);
        });
    }

    private static long narrowed(long low, long high, int immediate, Mxcsr m) {
        return PackedMultiply.pair(narrowed(low, immediate, m), narrowed(high, immediate, m));
    }

    private static int narrowed(long floats, int immediate, Mxcsr m) {
        int low = HalfFloat.ofFloat((int) floats, immediate, m);
        return low | HalfFloat.ofFloat((int) (floats >> 32), immediate, m) << 16;
    }
}
