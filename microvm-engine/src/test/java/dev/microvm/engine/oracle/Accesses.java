package dev.microvm.engine.oracle;

import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.oracle.MemoryAccess.Kind;
import java.util.ArrayList;
import java.util.List;
import java.util.function.IntToLongFunction;

/** All accesses to memory that one instruction of a {@link Case} makes, in no order. */
final class Accesses {
    private static final int RAX = 0;
    private static final int RBX = 3;
    private static final int RSP = 4;
    private static final int RBP = 5;
    private static final int RSI = 6;
    private static final int RDI = 7;
    private static final int MOST_LEVELS = 0x1F; // of ENTER

    /** Segments of a case, numbered as in instructions. */
    private static final int[] SEGMENTS = {Case.ES, Case.CS, Case.SS, Case.DS, Case.FS, Case.GS};

    private final Case c;
    private final Decoded d;
    private final IntToLongFunction registers;
    private final long next;
    private final List<MemoryAccess> all = new ArrayList<>();
    private long pushed; // bytes so far

    private Accesses(Case c, Decoded d, IntToLongFunction registers, long next) {
        this.c = c;
        this.d = d;
        this.registers = registers;
        this.next = next;
    }

    /**
     * Returns the accesses of an instruction.
     *
     * @param registers the general registers before it; for a repeated one, before the turn at hand
     * @param next offset of the instruction behind it
     */
    static List<MemoryAccess> of(Case c, Decoded d, IntToLongFunction registers, long next) {
        Accesses accesses = new Accesses(c, d, registers, next);
        accesses.addImplied();
        if (d.mod != 3) accesses.addOperand();
        return accesses.all;
    }

    private void add(int segment, long offset, int bytes, Kind kind, int alignment) {
        boolean wide = c.wide();
        CaseSegment narrow = CaseSegment.of(c.selector(SEGMENTS[segment]));
        long base = wide ? wideBase(segment) : narrow.base();
        all.add(new MemoryAccess(wide, narrow, segment == Decoded.SS, base, offset, bytes, kind, alignment));
    }

    private long wideBase(int segment) {
        return segment == Decoded.FS ? c.fsBase() : segment == Decoded.GS ? c.gsBase() : 0;
    }

    private static long mask(int bytes) {
        return bytes == Long.BYTES ? -1 : (1L << (bytes * Byte.SIZE)) - 1;
    }

    // The stack

    private long stackMask() {
        if (c.wide()) return -1;
        return mask(c.selector(Case.SS) == UserCaseMachine.LDT_DATA_16 ? 2 : 4);
    }

    private void push(int bytes) {
        pushed += bytes;
        add(Decoded.SS, (registers.applyAsLong(RSP) - pushed) & stackMask(), bytes, Kind.WRITE, 1);
    }

    private void pop(int first, int count, int bytes) {
        for (int i = 0; i < count; i++) readStack(first, (long) i * bytes, bytes);
    }

    private void readStack(int register, long offset, int bytes) {
        add(Decoded.SS, (registers.applyAsLong(register) + offset) & stackMask(), bytes, Kind.READ, 1);
    }

    private void enter() {
        int size = d.operandSize;
        int level = d.immediate2 & MOST_LEVELS;
        push(size);
        for (int i = 1; i < level; i++) {
            readStack(RBP, -(long) i * size, size);
            push(size);
        }
        if (level > 0) push(size);
        long top = registers.applyAsLong(RSP) - pushed - d.immediate;
        add(Decoded.SS, top & stackMask(), size, Kind.WRITE, 1); // which must be possible: Intel SDM vol. 2A, ENTER
    }

    private void addImplied() {
        int size = d.operandSize;
        switch (d.opcode) {
            case 0x06, 0x0E, 0x16, 0x1E, 0x1A0, 0x1A8, 0x68, 0x6A, 0x9C, 0xE8 -> push(size);
            case 0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57 -> push(size);
            case 0x58, 0x59, 0x5A, 0x5B, 0x5C, 0x5D, 0x5E, 0x5F -> pop(RSP, 1, size);
            case 0x07, 0x17, 0x1F, 0x1A1, 0x1A9, 0x8F, 0x9D, 0xC2, 0xC3 -> pop(RSP, 1, size);
            case 0x60 -> {
                for (int i = 0; i < 8; i++) push(size);
            }
            case 0x61 -> pop(RSP, 8, size);
            case 0xC8 -> enter();
            case 0xC9 -> pop(RBP, 1, size);
            case 0xCA, 0xCB -> pop(RSP, 2, size);
            case 0xCF -> pop(RSP, d.mode == CodeMode.BITS_64 ? 5 : 3, size);
            case 0x9A -> {
                push(size);
                push(size);
            }
            case 0xFF -> addCall(size);
            default -> addStrings();
        }
    }

    private void addCall(int size) {
        switch (d.group()) {
            case 2, 6 -> push(size);
            case 3 -> {
                push(size);
                push(size);
            }
            default -> {}
        }
    }

    // Strings and other addresses that no ModR/M byte names

    private void source(int bytes, Kind kind) {
        add(d.segment, registers.applyAsLong(RSI) & mask(d.addressSize), bytes, kind, 1);
    }

    private void destination(int segment, int bytes, Kind kind) {
        add(segment, registers.applyAsLong(RDI) & mask(d.addressSize), bytes, kind, 1);
    }

    private void addStrings() {
        int size = (d.opcode & 1) == 0 ? 1 : d.operandSize;
        switch (d.opcode) {
            case 0x6C, 0x6D -> destination(Decoded.ES, Math.min(size, 4), Kind.WRITE);
            case 0x6E, 0x6F -> source(Math.min(size, 4), Kind.READ);
            case 0xA4, 0xA5 -> {
                source(size, Kind.READ);
                destination(Decoded.ES, size, Kind.WRITE);
            }
            case 0xA6, 0xA7 -> {
                source(size, Kind.READ);
                destination(Decoded.ES, size, Kind.READ);
            }
            case 0xAA, 0xAB -> destination(Decoded.ES, size, Kind.WRITE);
            case 0xAC, 0xAD -> source(size, Kind.READ);
            case 0xAE, 0xAF -> destination(Decoded.ES, size, Kind.READ);
            case 0xD7 -> {
                long offset = registers.applyAsLong(RBX) + (registers.applyAsLong(RAX) & 0xFF);
                add(d.segment, offset & mask(d.addressSize), 1, Kind.READ, 1);
            }
            case 0x1F7 -> destination(d.segment, d.mandatoryPrefix() == 0 ? 8 : 16, Kind.WRITE);
            default -> {}
        }
    }

    // The operand of ModR/M

    private void addOperand() {
        if (d.vex && d.opcode >= 0x290 && d.opcode <= 0x293) {
            addGathered();
            return;
        }
        MemoryOperand operand = MemoryOperand.of(d);
        if (operand.bytes() == 0) return;
        long offset = effectiveAddress();
        add(d.segment, offset, operand.bytes(), operand.kind(), operand.alignment());
        if (operand.more() == 0) return;
        long behind = offset + operand.bytes();
        if (d.addressSize != Long.BYTES) behind &= mask(4); // a 16-bit one may wrap around or not
        add(d.segment, behind, operand.more(), operand.kind(), 1);
    }

    /** The elements of a gather: Intel SDM vol. 2, VGATHERDPS. */
    private void addGathered() {
        if (d.index < 0) return; // a 16-bit address, which it cannot have
        int bytes = d.rexW ? 8 : 4;
        boolean wideIndex = (d.opcode & 1) != 0;
        int count = (d.vexL ? 32 : 16) / Math.max(bytes, wideIndex ? 8 : 4);
        long base = d.displacement + (d.base >= 0 ? registers.applyAsLong(d.base) : 0);
        for (int i = 0; i < count; i++) {
            long index = wideIndex ? vectorWord(d.index, i) : (int) (vectorWord(d.index, i / 2) >> (32 * (i % 2)));
            add(d.segment, (base + (index << d.scale)) & mask(d.addressSize), bytes, Kind.READ, 1);
        }
    }

    /** Eight bytes of a vector register, as the case starts. */
    private long vectorWord(int register, int word) {
        final int xmm = 160; // Intel SDM vol. 1, table 10-2
        return word < 2 ? Words.get(c.fxsave(), xmm + 16 * register + 8 * word) : c.ymm(2 * register + word - 2);
    }

    private long effectiveAddress() {
        long address = d.displacement;
        if (d.base == Decoded.RIP) address += next;
        if (d.base >= 0) address += registers.applyAsLong(d.base);
        if (d.base == RSP && d.opcode == 0x8F) address += d.operandSize; // Intel SDM vol. 2B, POP
        if (d.index >= 0) address += (registers.applyAsLong(d.index) << d.scale);
        return (address + bitOffset()) & mask(d.addressSize);
    }

    /** Where BT and the like find the bit that a register names. */
    private long bitOffset() {
        boolean named = d.opcode == 0x1A3 || d.opcode == 0x1AB || d.opcode == 0x1B3 || d.opcode == 0x1BB;
        if (!named) return 0;
        int bits = d.operandSize * Byte.SIZE;
        int unused = Long.SIZE - bits;
        long bit = (registers.applyAsLong(d.reg) << unused) >> unused;
        return Math.floorDiv(bit, bits) * d.operandSize;
    }
}
