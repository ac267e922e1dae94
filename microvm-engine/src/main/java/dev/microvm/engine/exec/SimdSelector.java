package dev.microvm.engine.exec;

import dev.microvm.engine.cpu.Block;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Flags;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.cpu.Vectors;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.BlockTranslator.Emission;
import dev.microvm.engine.simd.FloatCompare;
import dev.microvm.engine.simd.FloatConvert;
import dev.microvm.engine.simd.FloatImmediateOperation;
import dev.microvm.engine.simd.FloatOperation;
import dev.microvm.engine.simd.LaneOperation;
import dev.microvm.engine.simd.Mxcsr;
import dev.microvm.engine.simd.PackedCompare;
import dev.microvm.engine.simd.PackedImmediateOperation;
import dev.microvm.engine.simd.PackedMultiply;
import dev.microvm.engine.simd.PackedOperation;
import dev.microvm.engine.simd.PackedShift;
import dev.microvm.engine.simd.PackedShuffle;
import dev.microvm.engine.simd.XmmOperation;
import dev.microvm.hypervisor.SpecialRegisters;
import java.util.HashMap;
import java.util.Map;
import org.jspecify.annotations.Nullable;

/**
 * MMX and SSE: Intel SDM vol. 2D, table A-3 and on. What they compute is in {@code dev.microvm.engine.simd}, whose tables
 * are by opcode; moves, and what has general registers for operands, are here.
 */
final class SimdSelector implements BlockTranslator.Selector {
    private static final int NONE = 0;
    private static final int P66 = 1;
    private static final int PF3 = 2;
    private static final int PF2 = 3;
    private static final int[] PREFIX_BYTES = {0, 0x66, 0xF3, 0xF2};

    /** The source's element means nothing where the source is memory: Intel SDM vol. 2A, INSERTPS. */
    private static final int INSERTPS_WITHOUT_SOURCE = 0x3F;

    private static final Map<Integer, PackedOperation> PACKED = new HashMap<>();
    private static final Map<Integer, PackedImmediateOperation> PACKED_IMMEDIATE = new HashMap<>();
    private static final Map<Integer, FloatOperation> FLOAT = new HashMap<>();
    private static final Map<Integer, FloatImmediateOperation> FLOAT_IMMEDIATE = new HashMap<>();

    static {
        for (PackedOperation each : PackedOperation.values()) PACKED.put(each.opcode(), each);
        for (PackedImmediateOperation each : PackedImmediateOperation.values()) {
            PACKED_IMMEDIATE.put(each.opcode(), each);
        }
        for (FloatOperation each : FloatOperation.values()) FLOAT.put(each.opcode(), each);
        for (FloatImmediateOperation each : FloatImmediateOperation.values()) FLOAT_IMMEDIATE.put(each.opcode(), each);
    }

    /** What one does, once SSE is known to be there. */
    @FunctionalInterface
    interface Work {
        void run(Cpu cpu, long[] xmm, Instruction at);
    }

    @Override
    public @Nullable Instruction select(Decoded d, Emission e) {
        if (d.opcode < 0x100 || d.lock) return null;
        Instruction move = d.opcode < 0x200 ? move(d, e) : null;
        Instruction instruction = move != null ? move : fromTables(d, e);
        if (d.mode != CodeMode.BITS_64 && !d.isRegister() && instruction instanceof OnRegisters checked) {
            e.precede(new Plain(checked.availability)); // it comes before the operand's segment
        }
        return instruction;
    }

    // Availability: Intel SDM vol. 3A, 14.1

    static void requireSse(Cpu cpu, Instruction at) {
        boolean off = (cpu.cr0 & SpecialRegisters.CR0_EM) != 0 || (cpu.cr4 & SpecialRegisters.CR4_OSFXSR) == 0;
        if (off) throw cpu.fault(Vectors.UD, at);
        if ((cpu.cr0 & SpecialRegisters.CR0_TS) != 0) throw cpu.fault(Vectors.NM, at);
    }

    static void requireMmx(Cpu cpu, Instruction at) {
        if ((cpu.cr0 & SpecialRegisters.CR0_EM) != 0) throw cpu.fault(Vectors.UD, at);
        if ((cpu.cr0 & SpecialRegisters.CR0_TS) != 0) throw cpu.fault(Vectors.NM, at);
        if (cpu.fpu.errorPending()) throw cpu.fault(Vectors.MF, at);
    }

    private static void requireSseAndMmx(Cpu cpu, Instruction at) {
        requireSse(cpu, at);
        requireMmx(cpu, at);
    }

    /** An instruction that checks first whether its registers are there. */
    private static final class OnRegisters extends Instruction {
        private final Plain.Action availability;
        private final Work work;

        OnRegisters(Plain.Action availability, Work work) {
            this.availability = availability;
            this.work = work;
        }

        @Override
        public Block execute(Cpu cpu) {
            availability.run(cpu, this);
            work.run(cpu, cpu.xmm, this);
            return next.execute(cpu);
        }
    }

    static Instruction sse(Work work) {
        return new OnRegisters(SimdSelector::requireSse, work);
    }

    static Instruction mmx(Work work) {
        return new OnRegisters(SimdSelector::requireMmx, work);
    }

    /** What has XMM and MMX registers for operands. */
    private static Instruction sseAndMmx(Work work) {
        return new OnRegisters(SimdSelector::requireSseAndMmx, work);
    }

    /** #XM, or #UD where the system does not know of it, for an exception that is not masked. */
    static RuntimeException unmasked(Cpu cpu, Instruction at) {
        boolean known = (cpu.cr4 & SpecialRegisters.CR4_OSXMMEXCPT) != 0;
        return cpu.fault(known ? Vectors.XM : Vectors.UD, at);
    }

    // Operands

    /** The second operand: an XMM register or memory of up to 16 bytes. */
    static final class Source {
        private final int register; // index of its low half, or -1
        private final @Nullable Address address;
        private final int size;
        private final boolean aligned;

        Source(Decoded d, Emission e, int size, boolean aligned) {
            this.register = d.isRegister() ? d.rm * 2 : -1;
            this.address = d.isRegister() ? null : e.address(d, size, false);
            this.size = size;
            this.aligned = aligned && size == 16;
        }

        /** Where it is in memory; checked, so that {@link #high} cannot fault after {@link #low}. */
        private long linear(Cpu cpu, Address at, Instruction instruction) {
            long linear = at.linear(cpu);
            if (aligned && (linear & 15) != 0) throw cpu.fault(Vectors.GP, 0, instruction);
            return linear;
        }

        long low(Cpu cpu, Instruction at) {
            if (address == null) return cpu.xmm[register];
            return cpu.mmu.load(linear(cpu, address, at), Math.min(size, 8), at);
        }

        long high(Cpu cpu, Instruction at) {
            if (address == null) return cpu.xmm[register + 1];
            return size == 16 ? cpu.mmu.load64(address.linear(cpu) + 8, at) : 0;
        }
    }

    static long mmxSource(Cpu cpu, int register, @Nullable Operand memory, Instruction at) {
        return memory == null ? cpu.fpu.mmx(register) : memory.read(cpu, at);
    }

    static @Nullable Operand mmxMemory(Decoded d, Emission e, int size) {
        return d.isRegister() ? null : e.source(d, size);
    }

    private static Instruction store128(Decoded d, Emission e, boolean aligned) {
        int from = d.reg * 2;
        Address address = e.address(d, 16, true);
        return sse((cpu, xmm, at) -> {
            long linear = address.linear(cpu);
            if (aligned && (linear & 15) != 0) throw cpu.fault(Vectors.GP, 0, at);
            cpu.mmu.probeWrite(linear, 16, at);
            cpu.mmu.store64(linear, xmm[from], at);
            cpu.mmu.store64(linear + 8, xmm[from + 1], at);
        });
    }

    private static Instruction load128(Decoded d, Emission e, boolean aligned) {
        int to = d.reg * 2;
        Source source = new Source(d, e, 16, aligned);
        return sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            xmm[to + 1] = source.high(cpu, at);
            xmm[to] = low;
        });
    }

    private static Instruction copy128(int to, int from) {
        return sse((cpu, xmm, at) -> {
            xmm[to] = xmm[from];
            xmm[to + 1] = xmm[from + 1];
        });
    }

    // Moves and what else is not in the tables

    private static @Nullable Instruction move(Decoded d, Emission e) {
        int prefix = d.mandatoryPrefix();
        int reg = d.reg * 2;
        int rm = d.rm * 2;
        return switch (d.opcode & 0xFF) {
            case 0x10 -> {
                if (prefix <= P66) yield load128(d, e, false);
                yield loadScalar(d, e, prefix == PF3 ? 4 : 8);
            }
            case 0x11 -> {
                if (prefix <= P66) yield d.isRegister() ? copy128(rm, reg) : store128(d, e, false);
                yield storeScalar(d, e, prefix == PF3 ? 4 : 8);
            }
            case 0x12, 0x16 -> moveHalf(d, e, prefix, (d.opcode & 0xFF) == 0x16 ? 1 : 0);
            case 0x13, 0x17 -> {
                if (prefix > P66 || d.isRegister()) yield null;
                int half = reg + ((d.opcode & 0xFF) == 0x17 ? 1 : 0);
                Operand target = e.target(d, 8);
                yield sse((cpu, xmm, at) -> target.write(cpu, xmm[half], at));
            }
            case 0x14, 0x15 -> {
                boolean high = (d.opcode & 1) != 0;
                if (prefix > P66) yield null;
                PackedOperation narrow = high ? PackedOperation.PUNPCKHDQ : PackedOperation.PUNPCKLDQ;
                PackedOperation wide = high ? PackedOperation.PUNPCKHQDQ : PackedOperation.PUNPCKLQDQ;
                yield packed(d, e, (prefix == NONE ? narrow : wide).xmm());
            }
            case 0x28 -> prefix <= P66 ? load128(d, e, true) : null;
            case 0x29 -> {
                if (prefix > P66) yield null;
                yield d.isRegister() ? copy128(rm, reg) : store128(d, e, true);
            }
            case 0x2B -> prefix > P66 || d.isRegister() ? null : store128(d, e, true);
            case 0x2A -> prefix >= PF3 ? fromInteger(d, e, prefix == PF2) : fromMmx(d, e, prefix == P66);
            case 0x2C, 0x2D -> {
                boolean truncate = (d.opcode & 1) == 0;
                yield prefix >= PF3 ? toInteger(d, e, prefix == PF2, truncate) : toMmx(d, e, prefix == P66, truncate);
            }
            case 0x2E, 0x2F -> prefix <= P66 ? compare(d, e, prefix == P66, (d.opcode & 1) == 0) : null;
            case 0x50 -> {
                if (prefix > P66 || !d.isRegister()) yield null;
                Operand target = Operand.register(d.reg, 4);
                yield sse((cpu, xmm, at) -> target.write(
                        cpu,
                        prefix == NONE
                                ? PackedCompare.movmskps(xmm[rm], xmm[rm + 1])
                                : PackedCompare.movmskpd(xmm[rm], xmm[rm + 1]),
                        at));
            }
            case 0x54, 0x55, 0x56, 0x57 -> {
                if (prefix > P66) yield null;
                PackedOperation[] logic = {
                    PackedOperation.PAND, PackedOperation.PANDN, PackedOperation.POR, PackedOperation.PXOR
                };
                yield packed(d, e, logic[d.opcode & 3].xmm());
            }
            case 0x6E -> {
                int size = d.rexW ? 8 : 4;
                Operand source = e.source(d, size);
                int to = d.reg & 7;
                if (prefix == NONE) {
                    yield mmx((cpu, xmm, at) -> {
                        long value = source.read(cpu, at);
                        cpu.fpu.enterMmx();
                        cpu.fpu.mmx(to, value);
                    });
                }
                if (prefix != P66) yield null;
                yield sse((cpu, xmm, at) -> {
                    xmm[reg] = source.read(cpu, at);
                    xmm[reg + 1] = 0;
                });
            }
            case 0x7E -> {
                if (prefix == PF3) yield loadLow(d, e);
                int size = d.rexW ? 8 : 4;
                Operand target = e.target(d, size);
                int from = d.reg & 7;
                if (prefix == NONE) {
                    yield mmx((cpu, xmm, at) -> {
                        target.write(cpu, cpu.fpu.mmx(from), at);
                        cpu.fpu.enterMmx();
                    });
                }
                if (prefix != P66) yield null;
                yield sse((cpu, xmm, at) -> target.write(cpu, xmm[reg], at));
            }
            case 0xD6 -> moveQuad(d, e, prefix);
            case 0x6F -> {
                if (prefix == NONE) yield mmxLoad(d, e);
                if (prefix == PF2) yield null;
                yield load128(d, e, prefix == P66);
            }
            case 0x7F -> {
                if (prefix == NONE) yield mmxStore(d, e);
                if (prefix == PF2) yield null;
                yield d.isRegister() ? copy128(rm, reg) : store128(d, e, prefix == P66);
            }
            case 0xE7 -> {
                if (d.isRegister() || prefix > P66) yield null;
                yield prefix == NONE ? mmxStore(d, e) : store128(d, e, true);
            }
            case 0xF0 -> prefix == PF2 && !d.isRegister() ? load128(d, e, false) : null;
            case 0x70 -> {
                if (prefix != NONE) yield null;
                int immediate = (int) d.immediate & 0xFF;
                int to = d.reg & 7;
                int from = d.rm & 7;
                Operand memory = mmxMemory(d, e, 8);
                yield mmx((cpu, xmm, at) -> {
                    long value = mmxSource(cpu, from, memory, at);
                    cpu.fpu.enterMmx();
                    cpu.fpu.mmx(to, PackedShuffle.pshufw(value, immediate));
                });
            }
            case 0x71, 0x72, 0x73 -> shiftByImmediate(d, prefix);
            case 0x77 -> prefix == NONE ? mmx((cpu, xmm, at) -> cpu.fpu.emptyMmx()) : null;
            case 0xC4 -> insertWord(d, e, prefix);
            case 0xC5 -> {
                if (!d.isRegister() || prefix > P66) yield null;
                int index = (int) d.immediate & (prefix == NONE ? 3 : 7);
                Operand target = Operand.register(d.reg, 4);
                int from = d.rm & 7;
                if (prefix == NONE) {
                    yield mmx((cpu, xmm, at) -> {
                        target.write(cpu, (cpu.fpu.mmx(from) >>> (index * 16)) & 0xFFFF, at);
                        cpu.fpu.enterMmx();
                    });
                }
                yield sse((cpu, xmm, at) ->
                        target.write(cpu, PackedShuffle.extract(xmm[rm], xmm[rm + 1], index, 16), at));
            }
            case 0xD7 -> {
                if (!d.isRegister() || prefix > P66) yield null;
                Operand target = Operand.register(d.reg, 4);
                int from = d.rm & 7;
                if (prefix == NONE) {
                    yield mmx((cpu, xmm, at) -> {
                        target.write(cpu, PackedCompare.pmovmskb(cpu.fpu.mmx(from)), at);
                        cpu.fpu.enterMmx();
                    });
                }
                yield sse((cpu, xmm, at) -> target.write(cpu, PackedCompare.pmovmskb(xmm[rm], xmm[rm + 1]), at));
            }
            case 0xF7 -> {
                if (prefix > P66 || !d.isRegister()) yield null;
                yield prefix == P66 ? maskedStore(d) : maskedStoreMmx(d);
            }
            default -> null;
        };
    }

    private static Instruction loadScalar(Decoded d, Emission e, int size) {
        int to = d.reg * 2;
        if (d.isRegister()) {
            int from = d.rm * 2;
            long kept = size == 8 ? 0 : 0xFFFF_FFFF_0000_0000L;
            return sse((cpu, xmm, at) -> xmm[to] = (xmm[to] & kept) | (xmm[from] & ~kept));
        }
        Operand source = e.source(d, size);
        return sse((cpu, xmm, at) -> {
            xmm[to] = source.read(cpu, at);
            xmm[to + 1] = 0;
        });
    }

    private static Instruction storeScalar(Decoded d, Emission e, int size) {
        int from = d.reg * 2;
        if (d.isRegister()) {
            int to = d.rm * 2;
            long kept = size == 8 ? 0 : 0xFFFF_FFFF_0000_0000L;
            return sse((cpu, xmm, at) -> xmm[to] = (xmm[to] & kept) | (xmm[from] & ~kept));
        }
        Operand target = e.target(d, size);
        return sse((cpu, xmm, at) -> target.write(cpu, xmm[from], at));
    }

    /** MOVLPS, MOVHPS and their like, MOVHLPS, MOVLHPS; MOVDDUP, MOVSLDUP, MOVSHDUP. */
    private static @Nullable Instruction moveHalf(Decoded d, Emission e, int prefix, int half) {
        int to = d.reg * 2 + half;
        if (prefix <= P66) {
            if (!d.isRegister()) {
                Operand source = e.source(d, 8);
                return sse((cpu, xmm, at) -> xmm[to] = source.read(cpu, at));
            }
            int from = d.rm * 2 + 1 - half;
            return prefix == NONE ? sse((cpu, xmm, at) -> xmm[to] = xmm[from]) : null;
        }
        if (prefix == PF3) return packed(d, e, half == 0 ? PackedShuffle::movsldup : PackedShuffle::movshdup);
        if (half != 0) return null;
        Source source = new Source(d, e, 8, false);
        int dst = d.reg * 2;
        return sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            xmm[dst] = low;
            xmm[dst + 1] = low;
        });
    }

    private static Instruction loadLow(Decoded d, Emission e) {
        int to = d.reg * 2;
        Source source = new Source(d, e, 8, false);
        return sse((cpu, xmm, at) -> {
            xmm[to] = source.low(cpu, at);
            xmm[to + 1] = 0;
        });
    }

    private static @Nullable Instruction moveQuad(Decoded d, Emission e, int prefix) {
        int reg = d.reg * 2;
        int rm = d.rm * 2;
        if (prefix == P66) {
            if (!d.isRegister()) {
                Operand target = e.target(d, 8);
                return sse((cpu, xmm, at) -> target.write(cpu, xmm[reg], at));
            }
            return sse((cpu, xmm, at) -> {
                xmm[rm] = xmm[reg];
                xmm[rm + 1] = 0;
            });
        }
        if (!d.isRegister() || prefix == NONE) return null;
        int mm = (prefix == PF2 ? d.reg : d.rm) & 7;
        if (prefix == PF2) {
            return mmx((cpu, xmm, at) -> {
                cpu.fpu.enterMmx();
                cpu.fpu.mmx(mm, xmm[rm]);
            });
        }
        return mmx((cpu, xmm, at) -> {
            cpu.fpu.enterMmx();
            xmm[reg] = cpu.fpu.mmx(mm);
            xmm[reg + 1] = 0;
        });
    }

    private static Instruction mmxLoad(Decoded d, Emission e) {
        int to = d.reg & 7;
        int from = d.rm & 7;
        Operand memory = mmxMemory(d, e, 8);
        return mmx((cpu, xmm, at) -> {
            long value = mmxSource(cpu, from, memory, at);
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(to, value);
        });
    }

    private static Instruction mmxStore(Decoded d, Emission e) {
        int from = d.reg & 7;
        int to = d.rm & 7;
        Operand memory = d.isRegister() ? null : e.target(d, 8);
        return mmx((cpu, xmm, at) -> {
            if (memory != null) memory.write(cpu, cpu.fpu.mmx(from), at);
            cpu.fpu.enterMmx();
            if (memory == null) cpu.fpu.mmx(to, cpu.fpu.mmx(from));
        });
    }

    private static @Nullable Instruction insertWord(Decoded d, Emission e, int prefix) {
        if (prefix > P66) return null;
        int index = (int) d.immediate & (prefix == NONE ? 3 : 7);
        Operand source = d.isRegister() ? Operand.register(d.rm, 4) : e.source(d, 2);
        int to = d.reg * 2;
        int mm = d.reg & 7;
        if (prefix == P66) {
            return sse((cpu, xmm, at) -> PackedShuffle.insert(xmm, to, source.read(cpu, at), index, 16));
        }
        return mmx((cpu, xmm, at) -> {
            long value = source.read(cpu, at);
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(mm, PackedShuffle.insert(cpu.fpu.mmx(mm), value, index * 16, 16));
        });
    }

    /** Groups 12, 13 and 14: Intel SDM vol. 2D, table A-6. */
    private static @Nullable Instruction shiftByImmediate(Decoded d, int prefix) {
        if (!d.isRegister() || prefix > P66) return null;
        int count = (int) d.immediate & 0xFF;
        int to = d.rm * 2;
        int mm = d.rm & 7;
        int key = (d.opcode & 0xF) << 4 | d.group();
        if (prefix == P66 && key == 0x33) return sse((cpu, xmm, at) -> PackedShift.psrldq(xmm, to, count));
        if (prefix == P66 && key == 0x37) return sse((cpu, xmm, at) -> PackedShift.pslldq(xmm, to, count));
        LaneOperation shift = switch (key) {
            case 0x12 -> PackedShift::psrlw;
            case 0x14 -> PackedShift::psraw;
            case 0x16 -> PackedShift::psllw;
            case 0x22 -> PackedShift::psrld;
            case 0x24 -> PackedShift::psrad;
            case 0x26 -> PackedShift::pslld;
            case 0x32 -> PackedShift::psrlq;
            case 0x36 -> PackedShift::psllq;
            default -> null;
        };
        if (shift == null) return null;
        if (prefix == P66) {
            return sse((cpu, xmm, at) -> {
                xmm[to] = shift.apply(xmm[to], count);
                xmm[to + 1] = shift.apply(xmm[to + 1], count);
            });
        }
        return mmx((cpu, xmm, at) -> {
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(mm, shift.apply(cpu.fpu.mmx(mm), count));
        });
    }

    /** MASKMOVDQU. */
    private static Instruction maskedStore(Decoded d) {
        int from = d.reg * 2;
        int mask = d.rm * 2;
        MaskedStore store = new MaskedStore(d.segment, Emission.mask(d), 16);
        return sse((cpu, xmm, at) -> {
            long linear = store.linear(cpu, at);
            store.half(cpu, linear, xmm[from], xmm[mask], at);
            store.half(cpu, linear + 8, xmm[from + 1], xmm[mask + 1], at);
        });
    }

    /** MASKMOVQ. */
    private static Instruction maskedStoreMmx(Decoded d) {
        int from = d.reg & 7;
        int mask = d.rm & 7;
        MaskedStore store = new MaskedStore(d.segment, Emission.mask(d), 8);
        return mmx((cpu, xmm, at) -> {
            cpu.fpu.enterMmx(); // even if what follows faults
            store.half(cpu, store.linear(cpu, at), cpu.fpu.mmx(from), cpu.fpu.mmx(mask), at);
        });
    }

    /** The bytes at RDI whose mask is negative. */
    private record MaskedStore(int segment, long addressMask, int size) {
        /** Where they are: all can be written, even if the mask has none. */
        long linear(Cpu cpu, Instruction at) {
            long linear = cpu.segmentedOrFlat(segment, cpu.r[Cpu.RDI] & addressMask, size, true, at);
            cpu.mmu.probeWrite(linear, size, at);
            return linear;
        }

        /** Stores eight of them. */
        void half(Cpu cpu, long linear, long bytes, long mask, Instruction at) {
            for (int i = 0; i < 8; i++) {
                int shift = i * Byte.SIZE;
                if ((mask >>> shift & 0x80) != 0) cpu.mmu.store8(linear + i, (int) (bytes >>> shift), at);
            }
        }
    }

    // Conversions and comparisons with general registers

    private static Instruction fromInteger(Decoded d, Emission e, boolean isDouble) {
        int to = d.reg * 2;
        int size = d.rexW ? 8 : 4;
        Operand source = e.source(d, size);
        return sse((cpu, xmm, at) -> {
            int unused = Long.SIZE - size * Byte.SIZE;
            long value = source.read(cpu, at) << unused >> unused;
            Mxcsr m = cpu.mxcsr;
            long result = isDouble
                    ? size == 4 ? FloatConvert.doubleOf((int) value) : FloatConvert.doubleOf(value, m)
                    : FloatConvert.floatOf(value, m) & 0xFFFF_FFFFL;
            if (!m.commit()) throw unmasked(cpu, at);
            xmm[to] = isDouble ? result : (xmm[to] & 0xFFFF_FFFF_0000_0000L) | result;
        });
    }

    private static Instruction toInteger(Decoded d, Emission e, boolean isDouble, boolean truncate) {
        int size = d.rexW ? 8 : 4;
        Operand target = Operand.register(d.reg, size);
        Source source = new Source(d, e, isDouble ? 8 : 4, false);
        return sse((cpu, xmm, at) -> {
            long bits = source.low(cpu, at);
            Mxcsr m = cpu.mxcsr;
            long result;
            if (isDouble) {
                result = size == 8 ? FloatConvert.toInt64(bits, truncate, m) : FloatConvert.toInt32(bits, truncate, m);
            } else {
                int single = (int) bits;
                result = size == 8
                        ? FloatConvert.toInt64(single, truncate, m)
                        : FloatConvert.toInt32(single, truncate, m);
            }
            if (!m.commit()) throw unmasked(cpu, at);
            target.write(cpu, result, at);
        });
    }

    /** CVTPI2PS, CVTPI2PD. */
    private static Instruction fromMmx(Decoded d, Emission e, boolean isDouble) {
        int to = d.reg * 2;
        int from = d.rm & 7;
        Operand memory = mmxMemory(d, e, 8);
        Work work = (cpu, xmm, at) -> {
            long value = mmxSource(cpu, from, memory, at);
            int low = (int) value;
            int high = (int) (value >> Integer.SIZE);
            if (isDouble) {
                if (memory == null) cpu.fpu.enterMmx();
                xmm[to] = FloatConvert.doubleOf(low);
                xmm[to + 1] = FloatConvert.doubleOf(high);
                return;
            }
            cpu.fpu.enterMmx();
            Mxcsr m = cpu.mxcsr;
            long result = PackedMultiply.pair(FloatConvert.floatOf(low, m), FloatConvert.floatOf(high, m));
            if (!m.commit()) throw unmasked(cpu, at);
            xmm[to] = result;
        };
        return isDouble && memory != null ? sse(work) : sseAndMmx(work);
    }

    /** CVTPS2PI, CVTPD2PI, and those that truncate. */
    private static Instruction toMmx(Decoded d, Emission e, boolean isDouble, boolean truncate) {
        int to = d.reg & 7;
        Source source = new Source(d, e, isDouble ? 16 : 8, true);
        return sseAndMmx((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            long high = source.high(cpu, at);
            cpu.fpu.enterMmx(); // even if what follows raises #XM
            Mxcsr m = cpu.mxcsr;
            int first;
            int second;
            if (isDouble) {
                first = FloatConvert.toInt32(low, truncate, m);
                second = FloatConvert.toInt32(high, truncate, m);
            } else {
                first = FloatConvert.toInt32((int) low, truncate, m);
                second = FloatConvert.toInt32((int) (low >> Integer.SIZE), truncate, m);
            }
            if (!m.commit()) throw unmasked(cpu, at);
            cpu.fpu.mmx(to, PackedMultiply.pair(first, second));
        });
    }

    /** COMISS, COMISD, UCOMISS, UCOMISD. */
    private static Instruction compare(Decoded d, Emission e, boolean isDouble, boolean quiet) {
        int left = d.reg * 2;
        Source source = new Source(d, e, isDouble ? 8 : 4, false);
        return sse((cpu, xmm, at) -> {
            long bits = source.low(cpu, at);
            Mxcsr m = cpu.mxcsr;
            int order = isDouble
                    ? FloatCompare.order(xmm[left], bits, quiet, m)
                    : FloatCompare.order((int) xmm[left], (int) bits, quiet, m);
            if (!m.commit()) throw unmasked(cpu, at);
            Flags.arithmetic(cpu, flagsOf(order));
        });
    }

    private static int flagsOf(int order) {
        return switch (order) {
            case -1 -> Flags.CF;
            case 0 -> Flags.ZF;
            case 1 -> 0;
            default -> Flags.ZF | Flags.PF | Flags.CF;
        };
    }

    // Tables

    private static Instruction packed(Decoded d, Emission e, XmmOperation operation) {
        return packed(d, e, operation, 16);
    }

    private static Instruction packed(Decoded d, Emission e, XmmOperation operation, int sourceSize) {
        int to = d.reg * 2;
        Source source = new Source(d, e, sourceSize, true);
        return sse((cpu, xmm, at) -> {
            long low = source.low(cpu, at);
            operation.apply(xmm, to, low, source.high(cpu, at));
        });
    }

    private static @Nullable Instruction fromTables(Decoded d, Emission e) {
        int bare = switch (d.opcode >> 8) {
            case 1 -> 0x0F00 | (d.opcode & 0xFF);
            case 2 -> 0x0F3800 | (d.opcode & 0xFF);
            default -> 0x0F3A00 | (d.opcode & 0xFF);
        };
        int prefix = d.mandatoryPrefix();
        int key = PREFIX_BYTES[prefix] << (bare > 0xFFFF ? 24 : 16) | bare;
        int to = d.reg * 2;
        int immediate = (int) d.immediate & 0xFF;

        PackedOperation packed = prefix <= P66 ? PACKED.get(bare) : null;
        if (packed != null) {
            if (prefix == P66) return packed(d, e, packed.xmm(), packed.sourceSize());
            return packed.isOnMmx() ? packedMmx(d, e, packed) : null;
        }
        PackedImmediateOperation withImmediate = PACKED_IMMEDIATE.get(key);
        if (withImmediate == PackedImmediateOperation.INSERTPS && !d.isRegister()) {
            Source source = new Source(d, e, 4, false);
            return sse((cpu, xmm, at) ->
                    withImmediate.apply(xmm, to, source.low(cpu, at), 0, immediate & INSERTPS_WITHOUT_SOURCE));
        }
        if (withImmediate != null) {
            Source source = new Source(d, e, 16, true);
            return sse((cpu, xmm, at) -> {
                long low = source.low(cpu, at);
                withImmediate.apply(xmm, to, low, source.high(cpu, at), immediate);
            });
        }
        FloatOperation floating = FLOAT.get(key);
        if (floating != null) {
            Source source = new Source(d, e, sourceSize(floating, prefix), true);
            return sse((cpu, xmm, at) -> {
                long low = source.low(cpu, at);
                long high = source.high(cpu, at);
                if (!floating.operation().apply(xmm, to, low, high, cpu.mxcsr)) throw unmasked(cpu, at);
            });
        }
        FloatImmediateOperation floatImmediate = FLOAT_IMMEDIATE.get(key);
        if (floatImmediate != null) {
            int size = switch (floatImmediate) {
                case ROUNDSS -> 4;
                case ROUNDSD -> 8;
                default -> d.opcode == 0x1C2 ? scalarSize(prefix) : 16;
            };
            Source source = new Source(d, e, size, true);
            return sse((cpu, xmm, at) -> {
                long low = source.low(cpu, at);
                long high = source.high(cpu, at);
                if (!floatImmediate.apply(xmm, to, low, high, immediate, cpu.mxcsr)) throw unmasked(cpu, at);
            });
        }
        return null;
    }

    private static int scalarSize(int prefix) {
        return prefix == PF3 ? 4 : prefix == PF2 ? 8 : 16;
    }

    /** Bytes of a second operand in memory. */
    private static int sourceSize(FloatOperation operation, int prefix) {
        return switch (operation) {
            case HADDPS, HSUBPS, ADDSUBPS, CVTTPS2DQ, CVTPD2DQ -> 16;
            case CVTPS2PD, CVTDQ2PD -> 8;
            default -> scalarSize(prefix);
        };
    }

    private static Instruction packedMmx(Decoded d, Emission e, PackedOperation packed) {
        int to = d.reg & 7;
        int from = d.rm & 7;
        LaneOperation operation = packed.mmx();
        Operand memory = mmxMemory(d, e, packed.mmxSourceSize());
        return mmx((cpu, xmm, at) -> {
            long value = mmxSource(cpu, from, memory, at);
            cpu.fpu.enterMmx();
            cpu.fpu.mmx(to, operation.apply(cpu.fpu.mmx(to), value));
        });
    }
}
