package dev.microvm.engine.translate;

import dev.microvm.engine.cpu.CodePage;
import dev.microvm.engine.cpu.Cpu;
import dev.microvm.engine.cpu.Instruction;
import dev.microvm.engine.decode.CodeMode;
import dev.microvm.engine.decode.Decoded;
import dev.microvm.engine.exec.Address;
import dev.microvm.engine.exec.AddressInstruction;
import dev.microvm.engine.exec.Operand;
import dev.microvm.engine.exec.Plain;
import dev.microvm.engine.exec.integer.Branches;
import dev.microvm.engine.exec.integer.Comparison;
import dev.microvm.engine.exec.simd.MmxSource;
import dev.microvm.engine.exec.simd.XmmSource;
import org.jspecify.annotations.Nullable;

/** A block in the making. */
final class BlockBuilder {
    /** What a {@link Selector} returns for an instruction that does nothing. */
    static final Instruction NOTHING = new Plain((cpu, at) -> {});

    private final CodePage page;
    private final boolean joins; // a comparison and a branch become one
    private @Nullable Instruction first;
    private @Nullable Instruction last;
    private @Nullable Instruction beforeLast;
    private boolean ended;
    private boolean endsSoon;
    private boolean owesShadow; // the last instruction was STI
    private int start;
    private int end;
    private @Nullable Instruction firstBefore;
    private @Nullable Instruction lastBefore;
    private boolean added; // since begin()

    BlockBuilder(CodePage page, boolean joins) {
        this.page = page;
        this.joins = joins;
    }

    CodePage page() {
        return page;
    }

    boolean ended() {
        return ended;
    }

    boolean endsSoon() {
        return endsSoon;
    }

    Instruction first() {
        if (first == null) throw new IllegalStateException("an empty block");
        return first;
    }

    Instruction last() {
        if (last == null) throw new IllegalStateException("an empty block");
        return last;
    }

    void begin(Decoded d) {
        start = d.start;
        end = d.end;
        firstBefore = first;
        lastBefore = last;
        added = false;
        owesShadow = false;
    }

    /** Forgets what was added since {@link #begin}: addresses of what turned out not to exist. */
    void undo() {
        first = firstBefore;
        last = lastBefore;
    }

    /** Adds a check before all that was added since {@link #begin}. */
    void precede(Instruction check) {
        check.place(start, start);
        Instruction after = lastBefore == null ? first : lastBefore.next;
        if (!added || after == null) {
            addAt(check);
            return;
        }
        check.next = after;
        if (lastBefore == null) {
            first = check;
        } else {
            lastBefore.next = check;
        }
    }

    /** Adds an instruction at the place of the one decoded. */
    void add(Instruction instruction) {
        if (instruction.end() == 0) instruction.place(start, end);
        addAt(instruction);
    }

    /**
     * Adds an instruction that works for the one decoded, before it: it has its address, and is not
     * its end.
     */
    void addPart(Instruction instruction) {
        instruction.place(start, start);
        addAt(instruction);
    }

    /** A comparison just before the instruction decoded, or null. */
    @Nullable
    Comparison comparison() {
        return joins && last instanceof Comparison comparison && comparison.end() == start ? comparison : null;
    }

    /** Takes the last instruction away again: the one decoded does its work, too. */
    void absorbLast() {
        if (last == null) throw new IllegalStateException("an empty block");
        start = last.start();
        last = beforeLast;
        if (last == null) first = null;
    }

    /** Adds the last instruction. */
    void end(Instruction instruction) {
        add(instruction);
        ended = true;
    }

    /** Says that the instruction to be added is the last. */
    Instruction ending(Instruction instruction) {
        ended = true;
        return instruction;
    }

    /** Says that the block must end with the instruction after this: interrupts wait for it. */
    void shadow() {
        endsSoon = true;
        owesShadow = true;
    }

    /** Ends the block with a way to the instruction at an offset. */
    void fallThrough(int offset) {
        if (owesShadow) addAt(new Plain((cpu, at) -> cpu.loop.shadow()));
        start = offset;
        end = offset;
        Branches.FallThrough through =
                new Branches.FallThrough(page, offset, page.mode().addressSize());
        through.place(offset, offset);
        end(through);
    }

    // Operands

    /** A general register of the {@code reg} field. */
    Operand register(Decoded d, int size) {
        return byNumber(d, d.reg, size);
    }

    /** A general register; a byte of number 4 to 7 is a high one without REX. */
    Operand byNumber(Decoded d, int number, int size) {
        if (size == 1 && !d.rex && number >= 4 && number < 8) return Operand.highByte(number);
        return Operand.register(number, size);
    }

    /** The ModR/M operand, to be read. */
    Operand source(Decoded d, int size) {
        return operand(d, size, false);
    }

    /** The ModR/M operand, to be written. */
    Operand target(Decoded d, int size) {
        return operand(d, size, true);
    }

    private Operand operand(Decoded d, int size, boolean write) {
        if (d.isRegister()) return byNumber(d, d.rm, size);
        return new Operand.Memory(address(d, size, write), size);
    }

    /**
     * The ModR/M operand of an instruction on XMM registers; 16 bytes of memory may have to be
     * aligned.
     */
    XmmSource xmmSource(Decoded d, int size, boolean aligned) {
        if (d.isRegister()) return XmmSource.register(d.rm);
        return XmmSource.memory(address(d, size, false), size, aligned);
    }

    /** The ModR/M operand of an instruction on MMX registers. */
    MmxSource mmxSource(Decoded d, int size) {
        return new MmxSource(d.rm & 7, d.isRegister() ? null : source(d, size));
    }

    /**
     * The address of a memory operand; an instruction that works it out is added if it takes one.
     */
    Address address(Decoded d, int size, boolean write) {
        Address offset = offset(d);
        if (d.mode == CodeMode.BITS_64 && d.addressSize == 8) {
            if (d.segment < Decoded.FS) return offset;
            int segment = Cpu.SEGMENT_BASE + d.segment;
            if (offset.base() == Cpu.ZERO)
                return new Address(segment, offset.index(), offset.scale(), offset.displacement());
            if (offset.index() == Cpu.ZERO) return new Address(offset.base(), segment, 0, offset.displacement());
        }
        AddressInstruction made;
        if (d.mode == CodeMode.BITS_64) {
            int segment = d.segment < Decoded.FS ? -1 : d.segment;
            made = new AddressInstruction(
                    offset, segment < 0 ? Cpu.ZERO - Cpu.SEGMENT_BASE : segment, mask(d), 0, write);
        } else {
            made = new AddressInstruction(offset, d.segment, mask(d), size, write);
        }
        addPart(made);
        return Address.COMPUTED;
    }

    private void addAt(Instruction instruction) {
        added = true;
        if (last == null) {
            first = instruction;
        } else {
            last.next = instruction;
        }
        beforeLast = last;
        last = instruction;
    }

    static long mask(Decoded d) {
        return d.addressSize == 8 ? -1L : (1L << (d.addressSize * Byte.SIZE)) - 1;
    }

    /** The offset in its segment of a memory operand. */
    Address offset(Decoded d) {
        int base = d.base;
        long displacement = d.displacement;
        if (base == Decoded.RIP) {
            base = Cpu.CODE;
            displacement += d.end;
        }
        return new Address(
                base == Decoded.NONE ? Cpu.ZERO : base,
                d.index == Decoded.NONE ? Cpu.ZERO : d.index,
                d.scale,
                displacement);
    }
}
